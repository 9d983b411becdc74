"""Checks of 19.2: the bounds of a loop over keys. The oracle draws the whole mask and looks."""

import numpy as np

from minillama.book.exercises import Hole

SKIP = "What skipping saves"
TILES = "A head in tiles"

keys_needed = Hole("keys_needed")

keys_needed.case("causal, by hand", (0, 4, 3), tile=1, M=2, T=4, S=4, window=None)
keys_needed.case("a window of two, by hand", (1, 4, 1), tile=1, M=2, T=4, S=4, window=2)
keys_needed.case("two queries after six keys, by hand", (0, 8, 7), tile=0, M=2, T=2, S=8, window=None)
keys_needed.case("the last tile has one query, by hand", (0, 5, 5), tile=2, M=2, T=5, S=5, window=None)
keys_needed.case("a window of one, no key is seen by both", (0, 2, 0), tile=0, M=2, T=4, S=4, window=1)


def by_mask(tile, M, T, S, window):
    """Draw which of S keys each of T queries sees, and look at the tile's rows."""
    seen = np.zeros((T, S), dtype=bool)
    for t in range(T):
        for s in range(S):
            seen[t, s] = s <= S - T + t and (window is None or s > S - T + t - window)
    rows = seen[tile * M : tile * M + M]
    some = np.flatnonzero(rows.any(axis=0))
    return int(some[0]), int(some[-1]) + 1, int(rows.all(axis=0).sum())


@keys_needed.against(by_mask, "random shapes, against the whole mask", seeds=40)
def shapes(rng):
    M, T = int(rng.integers(1, 6)), int(rng.integers(3, 16))
    S = T + int(rng.integers(0, 9))
    tile = int(rng.integers(0, -(-T // M)))
    window = None if rng.random() < 0.3 else int(rng.integers(1, S + 3))
    return {"tile": tile, "M": M, "T": T, "S": S, "window": window}


def bounds(tile, M, T, S, window, shift=None, clip=True, back=1, floor=True):
    first = (S - T if shift is None else shift) + tile * M
    last = first + (min(M, T - tile * M) if clip else M) - 1
    reach = S + M if window is None else window - back
    low = [x - reach for x in (first, last)]
    if floor:
        low = [max(0, x) for x in low]
    return low[0], last + 1, first + 1 - low[1]


@keys_needed.mistake(
    "The queries were counted from key 0. They are the last T of S positions: add S - T.", see=TILES
)
def from_the_left(tile, M, T, S, window):
    start, stop, whole = bounds(tile, M, T, S, window, shift=0)
    return start, stop, max(0, whole)


@keys_needed.mistake("The last tile was taken for a full one: its queries end at T.", see=TILES)
def not_clipped(tile, M, T, S, window):
    start, stop, whole = bounds(tile, M, T, S, window, clip=False)
    return start, stop, max(0, whole)


@keys_needed.mistake(
    "The window is one key too long: a window of w counts the query's own key, and reaches w - 1 back.",
    see=SKIP,
)
def one_too_far(tile, M, T, S, window):
    start, stop, whole = bounds(tile, M, T, S, window, back=0)
    return start, stop, max(0, whole)


@keys_needed.mistake(
    "The end is the last key itself. The end is one more: the loop stops before it.", see=TILES
)
def end_included(tile, M, T, S, window):
    start, stop, whole = bounds(tile, M, T, S, window)
    return start, stop - 1, max(0, whole)


@keys_needed.mistake("The first key is negative at the text's beginning. No key is before 0.", see=SKIP)
def below_zero(tile, M, T, S, window):
    _, stop, whole = bounds(tile, M, T, S, window)
    low = S - T + tile * M - (window - 1) if window is not None else 0
    return low, stop, max(0, whole)


@keys_needed.mistake(
    "The number of keys that all see is negative, where the window is shorter than the tile. There are none:"
    " 0.",
    see=SKIP,
)
def fewer_than_none(tile, M, T, S, window):
    return bounds(tile, M, T, S, window)


@keys_needed.mistake(
    "The window limits where the loop begins, but not what all queries see: the last query's window begins"
    " latest.",
    see=SKIP,
)
def whole_without_window(tile, M, T, S, window):
    start, stop, _ = bounds(tile, M, T, S, window)
    return start, stop, S - T + tile * M + 1 - start
