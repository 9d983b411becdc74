"""The central difference along a direction: two calls, all parameters."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float


def directional_difference(
    f: Callable[[Float[np.ndarray, "*shape"]], float],
    x: Float[np.ndarray, "*shape"],
    direction: Float[np.ndarray, "*shape"],
    step: float,
) -> float:
    return (f(x + step * direction) - f(x - step * direction)) / (2 * step)
