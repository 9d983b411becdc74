r"""The slope of GELU.

Exercise 08.1 · 08_swiglu · easy · 10 minutes

GELU is $x$ times a gate that $x$ itself opens: $x\,\Phi(x)$, where $\Phi(x)$ is the share of a standard
normal distribution below $x$. The backward pass needs its slope. Take the exact function, not the short cut
by tanh: Python has the error function as `math.erf`, and $\Phi(x) = \frac12\big(1 +
\mathrm{erf}(x/\sqrt2)\big)$.
"""

import numpy as np
from jaxtyping import Float


def gelu_slope(x: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    r"""Return the derivative of $x\,\Phi(x)$ at every entry of x.

    Use the product rule; the derivative of $\Phi$ is the bell curve $e^{-x^2/2}/\sqrt{2\pi}$.

    Parameters
    ----------
    x : float array of any shape

    Returns
    -------
    float array of the same shape
        Between -0.13 and 1.13.

    Examples
    --------
    At 0 the gate is half open; far out it is shut on the left and open on the right:

    >>> gelu_slope(np.array([-9.0, 0.0, 9.0])).round(6)
    array([-0. ,  0.5,  1. ])
    """
    raise NotImplementedError
