"""Heads that share.

Exercise 07.3 · 07_attention · medium · 20 minutes

The weights of all query heads are given. What is left of the layer: each head averages the values of the
key/value head that it shares, the heads are laid end to end, and the last matrix takes them back to the
stream. Three reshapes, and four ways to get each of them wrong.
"""

import numpy as np
from jaxtyping import Float


def mix_heads(
    weights: Float[np.ndarray, "B H T S"], v: Float[np.ndarray, "B K S D"], wo: Float[np.ndarray, "C HD"]
) -> Float[np.ndarray, "B T C"]:
    r"""Average the values under the weights, head by head, join the heads and project.

    Query head $h$ reads key/value head $h // (H / K)$, rounded down: the first $H/K$ query heads share the
    first, the next $H/K$ the second. Joined, head $h$ holds the channels $hD$ to $(h+1)D - 1$. The output is
    the joined vector times $W_o^\top$.

    Parameters
    ----------
    weights : float array of shape (B, H, T, S)
        Attention weights: each row sums to one.
    v : float array of shape (B, K, S, D)
        Values; K divides H.
    wo : float array of shape (C, H D)
        As in torch, one row for each output channel.

    Returns
    -------
    float array of shape (B, T, C)

    Examples
    --------
    Four query heads share two value heads, 10 and 20; one position, so all weights are one:

    >>> weights, v = np.ones((1, 4, 1, 1)), np.array([[[[10.0]], [[20.0]]]])
    >>> mix_heads(weights, v, np.eye(4))
    array([[[10., 10., 20., 20.]]])
    """
    raise NotImplementedError
