"""A name is loaded if it is read before it is written, and stored if it is written and kept."""


def fusion_bytes(
    steps: list[tuple[str, tuple[str, ...]]], sizes: dict[str, int], kept: set[str]
) -> tuple[int, int]:
    apart = 0
    loaded: set[str] = set()
    written: set[str] = set()
    for result, read in steps:
        apart += sizes[result] + sum(sizes[name] for name in set(read))
        loaded |= set(read) - written  # what an earlier step wrote is in a register
        written.add(result)
    return apart, sum(sizes[name] for name in [*loaded, *(written & kept)])
