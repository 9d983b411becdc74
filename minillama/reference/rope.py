"""Rotary positions, forward and backward, in both layouts: each pair of numbers turns with its position.

Pair i of a head's D numbers turns by ``position * theta ** (-2 i / D)`` radians. Which two numbers are
pair i is a convention:

    interleaved (Meta, GGUF)     0 1 | 2 3 | 4 5 | 6 7      pair i is (2i, 2i + 1)
    half (Hugging Face, here)    0 1 2 3 | 4 5 6 7          pair i is (i, i + D/2)

A model trained in one and run in the other is broken, silently; `permute_rows` moves the weights.
Left out: positions beyond the trained length, but for LLaMA 3.1's scaling of frequencies (chapter 30).

References
----------
Su et al. 2021, RoFormer, arXiv 2104.09864, section 3.2. LLaMA 3.1's scaling: Meta's reference code.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from ..config import LlamaConfig

Layout = Literal["half", "interleaved"]


class SavedRope(NamedTuple):
    """What `rope_backward` needs."""

    cos: Float[np.ndarray, "T D2"]
    sin: Float[np.ndarray, "T D2"]
    layout: Layout


def rope_frequencies(cfg: LlamaConfig) -> Float[np.ndarray, " D2"]:
    """Return by how many radians each pair turns from one position to the next.

    Parameters
    ----------
    cfg : LlamaConfig
        `head_dim`, `rope_theta` and `rope_scaling` are read.

    Returns
    -------
    array (D/2,), float64
        Falling from 1 to about 1/theta.

    References
    ----------
    Su et al. 2021, section 3.2.2.

    Examples
    --------
    >>> rope_frequencies(LlamaConfig(dim=16, n_heads=4, n_kv_heads=4, rope_theta=100.0))
    array([1. , 0.1])
    """
    frequencies = cfg.rope_theta ** -(np.arange(0, cfg.head_dim, 2) / cfg.head_dim)
    scaling = cfg.rope_scaling
    if scaling is None:
        return frequencies
    if scaling["rope_type"] == "linear":
        return frequencies / scaling["factor"]
    # llama3: pairs that turn fewer than `low` times in the old context are slowed down by `factor`, those
    # that turn more than `high` times are kept, and in between the two are mixed.
    turns = scaling["original_max_position_embeddings"] * frequencies / (2 * math.pi)
    low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
    kept = np.clip((turns - low) / (high - low), 0, 1) if high != low else (turns >= low).astype(float)
    return (1 - kept) * frequencies / scaling["factor"] + kept * frequencies


def rope_table(
    cfg: LlamaConfig, start: int, end: int, dtype: type | np.dtype = np.float64
) -> tuple[Float[np.ndarray, "T D2"], Float[np.ndarray, "T D2"]]:
    """Return the cosines and sines of all pairs' angles at positions `start` to `end` - 1.

    Parameters
    ----------
    cfg : LlamaConfig
    start, end : int
        Positions, counted from 0 at the beginning of the text, not of the chunk at hand.
    dtype : dtype
        Of the result; the angles themselves are float64, since they grow with the position.

    Returns
    -------
    cos, sin : arrays (end - start, D/2)

    Examples
    --------
    >>> cos, sin = rope_table(LlamaConfig(dim=2, n_heads=1, n_kv_heads=1), 0, 3)
    >>> cos.round(3)[:, 0], sin.round(3)[:, 0]
    (array([ 1.   ,  0.54 , -0.416]), array([0.   , 0.841, 0.909]))
    """
    angles = np.outer(np.arange(start, end), rope_frequencies(cfg))  # (T, D/2), radians
    return np.cos(angles).astype(dtype), np.sin(angles).astype(dtype)


def rope(
    x: Float[np.ndarray, "*heads T D"],
    cos: Float[np.ndarray, "T D2"],
    sin: Float[np.ndarray, "T D2"],
    layout: Layout = "half",
) -> tuple[Float[np.ndarray, "*heads T D"], SavedRope]:
    """Turn each pair of numbers by its position's angle: ``(a, b) -> (a cos - b sin, b cos + a sin)``.

    Parameters
    ----------
    x : array (*heads, T, D), float
        Queries or keys: (B, H, T, D) or (B, K, T, D).
    cos, sin : arrays (T, D/2)
        From `rope_table`.
    layout : "half" or "interleaved"
        Which numbers form a pair.

    Returns
    -------
    out : array, the shape of `x`
    saved : SavedRope
        For `rope_backward`.

    Raises
    ------
    ValueError
        If the table does not fit `x`, or there is no such layout.

    References
    ----------
    Su et al. 2021, section 3.2.2, equation 34.

    Examples
    --------
    A quarter turn of both pairs:

    >>> x, zero, one = np.array([[1.0, 2.0, 3.0, 4.0]]), np.zeros((1, 2)), np.ones((1, 2))
    >>> rope(x, zero, one)[0]
    array([[-3., -4.,  1.,  2.]])
    >>> rope(x, zero, one, layout="interleaved")[0]
    array([[-2.,  1., -4.,  3.]])
    """
    if cos.shape != (x.shape[-2], x.shape[-1] // 2) or sin.shape != cos.shape or x.shape[-1] % 2:
        raise ValueError(
            f"cos and sin have shapes {cos.shape} and {sin.shape}, expected (T, D/2) for x of shape {x.shape}"
        )
    first, second = _pairs(x.shape[-1], layout)
    a, b = x[..., first], x[..., second]  # each (*heads, T, D/2)
    out = np.empty_like(x)
    out[..., first] = a * cos - b * sin
    out[..., second] = b * cos + a * sin
    return out, SavedRope(cos, sin, layout)


def rope_backward(
    d_out: Float[np.ndarray, "*heads T D"], saved: SavedRope
) -> Float[np.ndarray, "*heads T D"]:
    """Return the gradient of `x`: `d_out` turned back, since a rotation's transpose is its inverse.

    Parameters
    ----------
    d_out : array (*heads, T, D), float
        Gradient of the output.
    saved : SavedRope
        From `rope`.

    Returns
    -------
    array, the shape of `d_out`

    Examples
    --------
    >>> x = np.array([[1.0, 2.0, 3.0, 4.0]])
    >>> out, saved = rope(x, *rope_table(LlamaConfig(dim=4, n_heads=1, n_kv_heads=1), 7, 8))
    >>> bool(np.allclose(rope_backward(out, saved), x))
    True
    """
    return rope(d_out, saved.cos, -saved.sin, saved.layout)[0]


def permute_rows(
    weight: Float[np.ndarray, "*shape"], n_heads: int, to: Layout
) -> Float[np.ndarray, "*shape"]:
    """Reorder the rows of a query or key projection from the other layout into layout `to`.

    Within each head, rows 0 1 2 3 ... of the interleaved layout become 0 2 4 ... 1 3 5 ... of the half
    layout. Queries and keys are permuted alike, so scores stay the same.

    Parameters
    ----------
    weight : array (n_heads * D, ...), float
        Weight or bias of ``wq`` or ``wk``.
    n_heads : int
        Heads in *this* projection: `n_kv_heads` for keys.
    to : "half" or "interleaved"
        The layout of the result.

    Returns
    -------
    array of the same shape, a copy

    Raises
    ------
    ValueError
        If the rows do not make whole heads of even width, or there is no such layout.

    Examples
    --------
    >>> permute_rows(np.arange(8.0), n_heads=2, to="half")
    array([0., 2., 1., 3., 4., 6., 5., 7.])
    """
    width, rest = divmod(len(weight), n_heads)
    if rest or width % 2:
        raise ValueError(f"{len(weight)} rows do not make {n_heads} heads of one even width")
    place = np.empty(width, dtype=np.int64)  # place[j]: the row of a head that goes to row j
    first, second = _pairs(width, "interleaved")
    rows = np.arange(width)
    if to == "half":
        place[: width // 2], place[width // 2 :] = rows[first], rows[second]
    elif to == "interleaved":
        place[first], place[second] = rows[: width // 2], rows[width // 2 :]
    else:
        raise ValueError(f"layout {to!r} is unknown: expected 'half' or 'interleaved'")
    heads = weight.reshape(n_heads, width, *weight.shape[1:])  # (N, ...) -> (heads, D, ...)
    return heads[:, place].reshape(weight.shape)


def _pairs(width: int, layout: Layout) -> tuple[slice, slice]:
    """Where the first and where the second numbers of all pairs are."""
    if layout == "half":
        return slice(width // 2), slice(width // 2, width)
    if layout == "interleaved":
        return slice(0, width, 2), slice(1, width, 2)
    raise ValueError(f"layout {layout!r} is unknown: expected 'half' or 'interleaved'")
