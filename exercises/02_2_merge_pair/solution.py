"""Merge a pair: one pass from the left, two steps forward after a match."""


def merge(ids: list[int], pair: tuple[int, int], new_id: int) -> list[int]:
    merged = []
    i = 0
    while i < len(ids):
        if tuple(ids[i : i + 2]) == pair:  # at the last token the slice is shorter, and no pair
            merged.append(new_id)
            i += 2
        else:
            merged.append(ids[i])
            i += 1
    return merged
