r"""Cut the feed-forward layer.

Exercise 15.3 · 15_training_at_scale · medium · 20 minutes

n processes share a SwiGLU layer. Each holds a part of the three matrices and computes, without a word to
the others, a summand of the output; one all-reduce adds them up. Which part is whose?
"""

import numpy as np
from jaxtyping import Float


def feed_forward_parts(
    x: Float[np.ndarray, "T C"],
    w_gate: Float[np.ndarray, "C F"],
    w_up: Float[np.ndarray, "C F"],
    w_down: Float[np.ndarray, "F C"],
    n: int,
) -> list[Float[np.ndarray, "T C"]]:
    r"""Return what each of the n processes computes, before anything is added up.

    The layer is $y = (\operatorname{silu}(x W_g) \odot x W_u)\,W_d$, where
    $\operatorname{silu}(z) = z / (1 + e^{-z})$. Process r has the r-th of n neighbouring groups of hidden
    channels, and computes with nothing else.

    Parameters
    ----------
    x : float array, shape (T, C)
        Every process has all of it.
    w_gate, w_up : float arrays, shape (C, F)
    w_down : float array, shape (F, C)
    n : int
        At least 1.

    Returns
    -------
    list of n float arrays, shape (T, C)
        Their sum is y.

    Raises
    ------
    ValueError
        If n does not divide F.

    Examples
    --------
    Two hidden channels that are alike: each process has one of them, and half of the output.

    >>> one = np.ones((1, 2))
    >>> [part.round(4).tolist() for part in feed_forward_parts(np.ones((1, 1)), one, one, np.ones((2, 1)), 2)]
    [[[0.7311]], [[0.7311]]]
    """
    raise NotImplementedError
