r"""A loss scale that finds itself.

Exercise 13.3 · 13_training · medium · 20 minutes

In float16 the loss is multiplied by a scale, so that small gradients do not vanish on their way back. Here is
what arrives: the scaled gradient, in float16. Say what the optimiser gets, and which scale the next step has.
"""

import numpy as np
from jaxtyping import Float


def unscale(
    gradient: Float[np.ndarray, " P"], scale: float, good_steps: int, interval: int
) -> tuple[Float[np.ndarray, " P"] | None, float, int]:
    r"""Return the gradient for the optimiser, the scale of the next step, and its count of good steps.

    If an entry is not finite, the step is left out: no gradient, half the scale, and the count begins anew.
    Otherwise the gradient is divided by the scale that it was made with, in float32, and the step is a good
    one. The `interval`-th good step in a row doubles the scale, and the count begins anew.

    Parameters
    ----------
    gradient : float16 array of shape (P,)
        Gradient of `scale` times the loss. Leave it as it is.
    scale : float
        A power of two.
    good_steps : int
        Good steps since the scale last moved, this one not counted.
    interval : int
        Good steps in a row after which the scale is doubled.

    Returns
    -------
    gradient : float32 array of shape (P,), or None
        None where the step is to be left out.
    scale : float
    good_steps : int

    Examples
    --------
    >>> unscale(np.array([512.0, -4.0], dtype=np.float16), 1024.0, 3, 10)
    (array([ 0.5       , -0.00390625], dtype=float32), 1024.0, 4)
    >>> unscale(np.array([np.inf, 1.0], dtype=np.float16), 1024.0, 3, 10)
    (None, 512.0, 0)
    """
    raise NotImplementedError
