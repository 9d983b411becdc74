r"""The slope along a direction.

Exercise 04.4 · 04_backpropagation · easy · 10 minutes

The instrument of a gradient check for large models: nudge all parameters at once along one direction,
forwards and backwards, and see by how much the loss changes. Two calls of the function, however many
parameters there are. The result is what gradient times direction, summed, should give.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float


def directional_difference(
    f: Callable[[Float[np.ndarray, "*shape"]], float],
    x: Float[np.ndarray, "*shape"],
    direction: Float[np.ndarray, "*shape"],
    step: float,
) -> float:
    r"""Return the central difference of f at x along a direction.

    $\dfrac{f(x + h u) - f(x - h u)}{2h}$ with the direction $u$ as it is given, and $h$ the step.

    Parameters
    ----------
    f : callable
        Takes an array of the shape of x and returns one number.
    x : float array of any shape
        Where the slope is wanted. Leave the array itself as it is.
    direction : float array of the shape of x
        Of any length: twice the direction has twice the slope.
    step : float
        The nudge h, above 0.

    Returns
    -------
    float
        An estimate of the sum of gradient times direction.

    Examples
    --------
    The square has at 3 the slope 6; along the direction 2 it is 12:

    >>> directional_difference(lambda x: float(np.sum(x**2)), np.array([3.0]), np.array([2.0]), step=0.5)
    12.0
    """
    raise NotImplementedError
