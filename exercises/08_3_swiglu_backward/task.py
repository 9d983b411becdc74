r"""SwiGLU, backward.

Exercise 08.3 · 08_swiglu · medium · 15 minutes

The product rule hands each factor the other one, and inside the gate it is needed once more. Derive
$\mathrm{SiLU}'$ on paper first. Nothing was saved by the forward pass: make again what you need.
"""

import numpy as np
from jaxtyping import Float


def swiglu_backward(
    d_out: Float[np.ndarray, "*shape"], gate: Float[np.ndarray, "*shape"], up: Float[np.ndarray, "*shape"]
) -> tuple[Float[np.ndarray, "*shape"], Float[np.ndarray, "*shape"]]:
    r"""Return the gradients of the loss by gate and by up.

    The forward pass was $h = \mathrm{SiLU}(g) \odot u$ with $\mathrm{SiLU}(g) = g\,\sigma(g)$.

    Parameters
    ----------
    d_out : float array
        Gradient of the loss by the output h.
    gate, up : float arrays of the same shape
        What the forward pass was given.

    Returns
    -------
    d_gate, d_up : float arrays of the same shape

    Examples
    --------
    At a gate of 0 the slope of SiLU is a half, and its value 0:

    >>> swiglu_backward(np.array([1.0]), np.array([0.0]), np.array([4.0]))
    (array([2.]), array([0.]))
    """
    raise NotImplementedError
