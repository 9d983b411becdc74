"""One by one: step by step. Fused: what comes in from outside, and what is wanted."""


def traffic(
    steps: list[tuple[str, tuple[str, ...]]], sizes: dict[str, int], wanted: set[str]
) -> tuple[int, int]:
    one_by_one = sum(sizes[out] + sum(sizes[name] for name in set(inputs)) for out, inputs in steps)
    made = {out for out, _ in steps}
    needed = {name for _, inputs in steps for name in inputs} - made
    return one_by_one, sum(sizes[name] for name in needed | wanted)
