"""The lowest point of an IsoFLOP curve.

Exercise 14.3 · 14_scaling_laws · easy · 15 minutes

Some models, all trained with the same compute, from small ones on much text to large ones on little.
Their losses form a valley. A parabola through them says where its lowest point is, which need not be one
of the models.
"""

import numpy as np
from jaxtyping import Float


def isoflop_vertex(n_params: Float[np.ndarray, " R"], losses: Float[np.ndarray, " R"]) -> float:
    r"""Return the N at the lowest point of the parabola that fits the losses over $\log N$ best.

    Least squares for $L \approx c_2 x^2 + c_1 x + c_0$ with $x = \log N$; the lowest point is at
    $x = -c_1 / (2 c_2)$.

    Parameters
    ----------
    n_params : float array of shape (R,)
        Three or more different sizes.
    losses : float array of shape (R,)
        In nats a token.

    Returns
    -------
    float
        The best size, in parameters.

    Raises
    ------
    ValueError
        If the parabola opens downwards or is a line: it has no lowest point.

    Examples
    --------
    >>> round(isoflop_vertex(np.array([1e6, 1e7, 1e8]), np.array([3.2, 3.0, 3.2])))
    10000000
    """
    raise NotImplementedError
