r"""A SwiGLU layer, forward.

Exercise 08.2 · 08_swiglu · easy · 10 minutes

The largest part of a LLaMA, in three lines: two matrices read the input, a gate lets through, a third writes
back. Weights are stored as (out, in), as everywhere in this book.
"""

import numpy as np
from jaxtyping import Float


def feed_forward(
    x: Float[np.ndarray, "*batch C"],
    w_gate: Float[np.ndarray, "F C"],
    w_up: Float[np.ndarray, "F C"],
    w_down: Float[np.ndarray, "C F"],
) -> Float[np.ndarray, "*batch C"]:
    r"""Return what the layer adds to the residual stream.

    $y = W^{\text{down}}\big(\mathrm{SiLU}(W^{\text{gate}} x) \odot (W^{\text{up}} x)\big)$ with
    $\mathrm{SiLU}(g) = g / (1 + e^{-g})$, for each vector along the last axis.

    Parameters
    ----------
    x : float array of shape (*batch, C)
        Normalised vectors; any number of axes in front.
    w_gate, w_up : float arrays of shape (F, C)
        One row for each unit.
    w_down : float array of shape (C, F)
        One column for each unit.

    Returns
    -------
    float array of shape (*batch, C)

    Examples
    --------
    One channel, one unit: the gate is 1, SiLU(1) = 0.7311, up is 10, and down takes the double:

    >>> feed_forward(np.ones(1), np.ones((1, 1)), np.full((1, 1), 10.0), np.full((1, 1), 2.0)).round(4)
    array([14.6212])
    """
    raise NotImplementedError
