"""The two layouts in which files hold the rows of query and key projections.

Within a head of width D, rotary positions turn pairs of rows. ``interleaved`` (Meta, GGUF): neighbours are a
pair. ``half`` (Hugging Face, ours): row i and row i + D/2 are::

    interleaved   a0 b0 a1 b1 a2 b2
    half          a0 a1 a2 b0 b1 b2

A file in the wrong layout loads without complaint and talks nonsense (chapter 06). Weights and biases of any
format are permuted alike, as their numbers are only moved; the reference's own is `permute_rows`.
"""

from __future__ import annotations

from .dtypes import Array


def to_half(rows: Array, n_heads: int) -> Array:
    """Reorder the rows of all heads from the interleaved layout into the half layout.

    Examples
    --------
    >>> import numpy as np
    >>> to_half(np.array(["a0", "b0", "a1", "b1"]), n_heads=1).tolist()
    ['a0', 'a1', 'b0', 'b1']
    """
    pairs = rows.reshape(n_heads, -1, 2, *rows.shape[1:])  # (H D, ...) -> (H, D/2, 2, ...)
    return pairs.swapaxes(1, 2).reshape(rows.shape)


def to_interleaved(rows: Array, n_heads: int) -> Array:
    """Reorder the rows of all heads from the half layout into the interleaved layout.

    Examples
    --------
    >>> import numpy as np
    >>> to_interleaved(np.array(["a0", "a1", "b0", "b1"]), n_heads=1).tolist()
    ['a0', 'b0', 'a1', 'b1']
    """
    halves = rows.reshape(n_heads, 2, -1, *rows.shape[1:])  # (H D, ...) -> (H, 2, D/2, ...)
    return halves.swapaxes(1, 2).reshape(rows.shape)


def heads_of(name: str, n_heads: int, n_kv_heads: int) -> int | None:
    """Return how many heads the rows of a weight of ours make; None if they are not to be permuted.

    Examples
    --------
    >>> heads_of("layers.0.attention.wk.weight", 8, 2), heads_of("layers.0.attention.wv.weight", 8, 2)
    (2, None)
    """
    if ".attention.wq." in name:
        return n_heads
    return n_kv_heads if ".attention.wk." in name else None
