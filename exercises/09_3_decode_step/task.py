r"""One decoding step with a cache.

Exercise 09.3 · 09_a_llama_in_numpy · medium · 25 minutes

To write the next token, only the newest position has to be computed: the keys and values of all earlier
ones are in the cache. Write attention for that one position, rotation included. The S keys in the cache
were rotated when they came in; the new query and the new key have not been.
"""

import numpy as np
from jaxtyping import Float


def decode_step(
    q: Float[np.ndarray, "H D"],
    k: Float[np.ndarray, "K D"],
    v: Float[np.ndarray, "K D"],
    k_cache: Float[np.ndarray, "K S D"],
    v_cache: Float[np.ndarray, "K S D"],
    theta: float,
) -> tuple[Float[np.ndarray, "H D"], Float[np.ndarray, "K S1 D"], Float[np.ndarray, "K S1 D"]]:
    r"""Return the new position's output, and the cache with the new position behind the old ones.

    The new position is number S, counted from 0. Pair i of a head, $(x_i, x_{i+D/2})$ in the half layout,
    turns by $S\,\theta^{-2i/D}$ radians. Then head h attends to all S + 1 positions of key/value head $h //
    (H/K)$, with scores $q \cdot k / \sqrt{D}$.

    Parameters
    ----------
    q : float array of shape (H, D)
        Query heads of the new position, not yet rotated.
    k, v : float arrays of shape (K, D)
        Key and value heads of the new position, the keys not yet rotated. K divides H.
    k_cache, v_cache : float arrays of shape (K, S, D)
        Keys, already rotated, and values of positions 0 to S - 1. S may be 0. Leave the arrays as they are.
    theta : float
        Base of the rotary positions; LLaMA's is 10,000.

    Returns
    -------
    out : float array of shape (H, D)
        The weighted averages of the values.
    k_cache, v_cache : float arrays of shape (K, S + 1, D)

    Examples
    --------
    A query of zeros looks at everything alike. One position is in the cache, so the new one is number 1,
    and its key turns by one radian:

    >>> q, k, v = np.zeros((1, 2)), np.array([[1.0, 0.0]]), np.array([[6.0, 8.0]])
    >>> out, k_cache, v_cache = decode_step(q, k, v, np.ones((1, 1, 2)), np.zeros((1, 1, 2)), 1e4)
    >>> out, k_cache.shape
    (array([[3., 4.]]), (1, 2, 2))
    >>> k_cache[0, 1].round(2)
    array([0.54, 0.84])
    """
    raise NotImplementedError
