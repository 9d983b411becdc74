"""How large a tile each program takes, by shape alone: no search at run time, the same on every machine."""

from __future__ import annotations

from triton import cdiv, next_power_of_2

from .interpreter import interpreted

PER_THREAD = 16
"""Elements of a tile that a thread holds: two loads of 16 bytes in bfloat16."""
TILE = 4096
"""Elements of a tile that a program holds on a GPU, unless one row is more: 8 warps of 32 threads."""
INTERPRETED_TILE = 2**18
"""The same in the interpreter, where a program costs the same whatever it holds."""


def whole_rows(n: int, width: int) -> tuple[int, int, int]:
    """Return rows a tile, columns a tile and warps, where a program needs whole rows of `width` elements.

    Examples
    --------
    >>> whole_rows(8192, 4096)
    (1, 4096, 8)
    >>> whole_rows(8192, 128)
    (32, 128, 8)
    """
    columns = next_power_of_2(width)
    rows = max(1, min(budget() // columns, next_power_of_2(n)))
    return rows, columns, warps(rows * columns)


def pieces(n: int, width: int, times: int = 1) -> tuple[int, int, int]:
    """Return the same where a program may take a part of a row, in tiles `times` the usual size.

    Examples
    --------
    >>> pieces(8192, 11008)
    (1, 4096, 8)
    """
    elements = times * budget()
    columns = min(next_power_of_2(width), elements)
    rows = max(1, min(elements // columns, next_power_of_2(n)))
    return rows, columns, warps(rows * columns)


def warps(elements: int) -> int:
    """Return how many groups of 32 threads share a tile of `elements`, 1 to 32.

    Examples
    --------
    >>> warps(128), warps(4096), warps(2**20)
    (1, 8, 32)
    """
    return min(32, max(1, next_power_of_2(cdiv(elements, 32 * PER_THREAD))))


def budget() -> int:
    """Return how many elements a tile has."""
    return INTERPRETED_TILE if interpreted() else TILE
