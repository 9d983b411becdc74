"""Attention, backward.

Exercise 07.4 · 07_attention · hard · 30 minutes

Two matrix products with a softmax between them, taken in reverse; and keys and values that served several
query heads. Nothing was saved by the forward pass: make the weights again, then go back.
"""

import numpy as np
from jaxtyping import Float


def attention_backward(
    d_out: Float[np.ndarray, "H T D"],
    q: Float[np.ndarray, "H T D"],
    k: Float[np.ndarray, "K T D"],
    v: Float[np.ndarray, "K T D"],
) -> tuple[Float[np.ndarray, "H T D"], Float[np.ndarray, "K T D"], Float[np.ndarray, "K T D"]]:
    r"""Return the gradients of the loss by queries, keys and values, for one text.

    The forward pass was: scores $s = q k^\top / \sqrt D$, minus infinity where a key stands after its query;
    weights $p$, the softmax of $s$ over the keys; output $p v$. Query head $h$ read key/value head
    $h // (H/K)$, rounded down.

    Parameters
    ----------
    d_out : float array of shape (H, T, D)
        Gradient of the loss by the output.
    q : float array of shape (H, T, D)
    k, v : float arrays of shape (K, T, D)
        K divides H.

    Returns
    -------
    d_q : float array of shape (H, T, D)
    d_k, d_v : float arrays of shape (K, T, D)

    Examples
    --------
    With all scores equal, position 0 gives its value to query 0 whole and to query 1 by half:

    >>> ones = np.ones((1, 2, 1))
    >>> d_q, d_k, d_v = attention_backward(ones, ones, ones, ones)
    >>> d_v[0, :, 0]
    array([1.5, 0.5])
    """
    raise NotImplementedError
