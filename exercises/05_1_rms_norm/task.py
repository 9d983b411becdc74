r"""RMSNorm, forward.

Exercise 05.1 · 05_rmsnorm_and_pre_norm · easy · 10 minutes

Every layer of LLaMA begins with it: each vector keeps its direction and gets the length $\sqrt C$, then each
channel is scaled by a learnt factor. Write it so that it also survives 16 bits: the square of 300 is beyond
float16's largest number, 65,504.
"""

import numpy as np
from jaxtyping import Float


def rms_norm(
    x: Float[np.ndarray, "*batch C"], weight: Float[np.ndarray, " C"], eps: float
) -> Float[np.ndarray, "*batch C"]:
    r"""Divide each vector by its root mean square, and scale the channels.

    $y_i = w_i x_i / \sqrt{\frac1C \sum_j x_j^2 + \varepsilon}$,
    for each vector along the last axis by itself.

    Parameters
    ----------
    x : float array of shape (*batch, C)
        Any number of axes in front. float16, float32 or float64.
    weight : float array of shape (C,)
        One factor per channel, of the dtype of `x`.
    eps : float
        Added to the mean square, in the units of x squared.

    Returns
    -------
    float array of shape (*batch, C)
        Of the dtype of `x`. For float16 the mean square is taken in float32.

    Examples
    --------
    The mean square of (1, 7) is 25:

    >>> rms_norm(np.array([1.0, 7.0]), np.array([1.0, 10.0]), eps=0.0)
    array([ 0.2, 14. ])
    """
    raise NotImplementedError
