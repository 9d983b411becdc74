"""The first and the last query of the tile decide everything."""


def keys_needed(tile: int, M: int, T: int, S: int, window: int | None) -> tuple[int, int, int]:
    first = S - T + tile * M  # the positions of the tile's first and last query
    last = S - T + min(tile * M + M, T) - 1
    back = S if window is None else window - 1  # how far a query looks back
    whole = first + 1 - max(0, last - back)
    return max(0, first - back), last + 1, max(0, whole)
