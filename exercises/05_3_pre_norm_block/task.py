"""Wire a pre-norm block.

Exercise 05.3 · 05_rmsnorm_and_pre_norm · easy · 10 minutes

A block of LLaMA is two layers, attention and a feed-forward network, each with a norm of its own at its
entrance, each adding its output to the residual stream. The four functions are given. Nothing is left to do
but to connect them, and that is where people go wrong:

    x ──┬── attention_norm ── attention ──(+)──┬── ffn_norm ── feed_forward ──(+)──
        └──────────────────────────────────┘   └──────────────────────────────┘
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float


def pre_norm_block(
    x: Float[np.ndarray, "*batch C"],
    attention_norm: Callable[[np.ndarray], np.ndarray],
    attention: Callable[[np.ndarray], np.ndarray],
    ffn_norm: Callable[[np.ndarray], np.ndarray],
    feed_forward: Callable[[np.ndarray], np.ndarray],
) -> Float[np.ndarray, "*batch C"]:
    """Return the residual stream after one block.

    First x grows by attention of the normalised x; then the sum grows by the feed-forward network of the
    normalised sum.

    Parameters
    ----------
    x : float array of shape (*batch, C)
        The residual stream. Leave the array itself as it is.
    attention_norm, attention, ffn_norm, feed_forward : callable
        Each takes an array of the shape of x and returns one.

    Returns
    -------
    float array of shape (*batch, C)
        The residual stream after both layers.

    Examples
    --------
    With a norm that halves, an attention that adds 10, a norm that takes 1 away and a network that triples, 4
    becomes 4 + (2 + 10) = 16, and 16 becomes 16 + 3 · 15 = 61:

    >>> halve, add_10 = lambda u: u / 2, lambda u: u + 10
    >>> less_1, triple = lambda u: u - 1, lambda u: 3 * u
    >>> pre_norm_block(np.array([4.0]), halve, add_10, less_1, triple)
    array([61.])
    """
    raise NotImplementedError
