r"""Causal attention with grouped queries, forward and backward: each position averages over what came before.

Left out: tiles and online softmax, which never hold all weights at once (chapter 19), and dropout, which
LLaMA does not use. Chapter 07 derives what stands here.

    query heads      0 1 2 3   4 5 6 7        H = 8
                      \|/|     \|/|
    key/value heads     0         1           K = 2, G = H / K = 4 queries in a group

A group's queries are stacked, (B, K, G T, D), and meet their one head of keys in a single matrix product.

References
----------
Vaswani et al. 2017, arXiv 1706.03762, section 3.2. Grouped queries: Ainslie et al. 2023, arXiv 2305.13245.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from .softmax import SavedSoftmax, softmax, softmax_backward


class SavedAttention(NamedTuple):
    """What `attention_backward` needs; `weights` is also what one draws."""

    q: Float[np.ndarray, "B H T D"]
    k: Float[np.ndarray, "B K S D"]
    v: Float[np.ndarray, "B K S D"]
    weights: Float[np.ndarray, "B H T S"]


def causal_mask(T: int, S: int, window: int | None = None) -> Bool[np.ndarray, "T S"]:
    """Return which of S keys each of T queries may see; the queries are the last T of the S positions.

    T = 3, S = 5:   keys 0 1 2 3 4        window = 2
          query 2        x x x . .             . x x . .
          query 3        x x x x .             . . x x .
          query 4        x x x x x             . . . x x

    Parameters
    ----------
    T, S : int
        Queries and keys; T <= S. They differ where earlier keys come from a cache.
    window : int, optional
        See only oneself and the `window - 1` positions before.

    Returns
    -------
    array (T, S), bool

    Raises
    ------
    ValueError
        If there are more queries than keys.

    Examples
    --------
    >>> causal_mask(2, 3).astype(int)
    array([[1, 1, 0],
           [1, 1, 1]])
    """
    if T > S:
        raise ValueError(f"{T} queries and {S} keys: expected at most as many queries as keys")
    query, key = np.arange(S - T, S)[:, None], np.arange(S)
    seen = key <= query
    return seen if window is None else seen & (key > query - window)


def attention(
    q: Float[np.ndarray, "B H T D"],
    k: Float[np.ndarray, "B K S D"],
    v: Float[np.ndarray, "B K S D"],
    mask: Bool[np.ndarray, "T S"] | None = None,
) -> tuple[Float[np.ndarray, "B H T D"], SavedAttention]:
    """Average the values, weighted by how well each key answers the query.

    ``weights = softmax(q k' / sqrt(D))`` over the keys that `mask` allows, ``out = weights v``. Query head
    h reads key/value head ``h // (H / K)``.

    Parameters
    ----------
    q : array (B, H, T, D), float
        Queries, after their rotation.
    k, v : arrays (B, K, S, D), float
        Keys (rotated) and values; K divides H.
    mask : array (T, S), bool, optional
        True where a query may look. None: causal, the queries being the last T of the S positions.

    Returns
    -------
    out : array (B, H, T, D)
    saved : SavedAttention
        For `attention_backward`; its `weights` are (B, H, T, S).

    Raises
    ------
    ValueError
        If the shapes do not fit, or the mask leaves a query nothing to look at.

    References
    ----------
    Vaswani et al. 2017, equation 1.

    Examples
    --------
    With queries of zero every position averages over itself and all before it:

    >>> v = np.array([[[[2.0, 0.0], [4.0, 0.0], [9.0, 0.0]]]])
    >>> attention(np.zeros_like(v), v, v)[0][0, 0, :, 0]
    array([2., 3., 5.])
    """
    (B, H, T, D), (K, S) = q.shape, k.shape[1:3]
    if k.shape != v.shape or k.shape != (B, K, S, D):
        raise ValueError(
            f"k and v have shapes {k.shape} and {v.shape}, expected (B, K, S, D) for q of shape {q.shape}"
        )
    if H % K:
        raise ValueError(f"{H} query heads cannot share {K} key/value heads: expected a multiple")
    mask = causal_mask(T, S) if mask is None else mask
    if mask.shape != (T, S) or not mask.any(axis=-1).all():
        raise ValueError(f"mask has shape {mask.shape}, expected ({T}, {S}) with something in every row")
    scores = _by_group(q * D**-0.5, K) @ k.transpose(0, 1, 3, 2)  # (B, K, G T, D) @ (B, K, D, S)
    scores = scores.reshape(B, H, T, S)
    np.copyto(scores, -np.inf, where=~mask)
    weights, _ = softmax(scores)
    out = (_by_group(weights, K) @ v).reshape(q.shape)  # (B, K, G T, S) @ (B, K, S, D) -> (B, H, T, D)
    return out, SavedAttention(q, k, v, weights)


def attention_backward(
    d_out: Float[np.ndarray, "B H T D"], saved: SavedAttention
) -> tuple[Float[np.ndarray, "B H T D"], Float[np.ndarray, "B K S D"], Float[np.ndarray, "B K S D"]]:
    """Return the gradients of `q`, `k` and `v`.

    Two matrix products and a softmax, taken in reverse:

        d_weights = d_out v'            d_v = weights' d_out
        d_scores = weights (d_weights - sum(d_weights weights))
        d_q = d_scores k / sqrt(D)      d_k = d_scores' q / sqrt(D)

    The keys and values of a group served G query heads: their gradients are sums over them, which the
    products over the stacked queries take by themselves. Where the mask was false the weight is 0, and so
    is the gradient of its score.

    Parameters
    ----------
    d_out : array (B, H, T, D), float
        Gradient of the output.
    saved : SavedAttention
        From `attention`.

    Returns
    -------
    d_q : array (B, H, T, D)
    d_k, d_v : arrays (B, K, S, D)

    Raises
    ------
    ValueError
        If `d_out` does not have the shape of the forward's output.

    Examples
    --------
    >>> q = k = v = np.ones((1, 1, 2, 1))
    >>> d_q, d_k, d_v = attention_backward(np.ones((1, 1, 2, 1)), attention(q, k, v)[1])
    >>> d_v[0, 0, :, 0]  # position 0 gets all of query 0 and half of query 1
    array([1.5, 0.5])
    """
    q, k, v, weights = saved
    if d_out.shape != q.shape:
        raise ValueError(f"d_out has shape {d_out.shape}, expected that of the forward's output, {q.shape}")
    K, D = k.shape[1], q.shape[-1]
    stacked = _by_group(d_out, K)  # (B, K, G T, D)
    d_weights = (stacked @ v.transpose(0, 1, 3, 2)).reshape(weights.shape)  # (B, H, T, S)
    d_v = _by_group(weights, K).transpose(0, 1, 3, 2) @ stacked  # (B, K, S, G T) @ (B, K, G T, D)
    d_scores = _by_group(softmax_backward(d_weights, SavedSoftmax(weights)), K) * D**-0.5  # (B, K, G T, S)
    d_q = (d_scores @ k).reshape(q.shape)  # (B, K, G T, S) @ (B, K, S, D) -> (B, H, T, D)
    d_k = d_scores.transpose(0, 1, 3, 2) @ _by_group(q, K)  # (B, K, S, G T) @ (B, K, G T, D)
    return d_q, d_k, d_v


def _by_group(x: Float[np.ndarray, "B H T N"], K: int) -> Float[np.ndarray, "B K GT N"]:
    """Stack the queries of all heads that share a key/value head."""
    B, _, _, N = x.shape
    return x.reshape(B, K, -1, N)  # (B, K G, T, N) -> (B, K, G T, N)
