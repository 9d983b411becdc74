"""Is a hand-written gradient right? Ask the function itself, by finite differences.

Left out: complex-step and automatic differentiation. What the step's size does to the error is the
subject of chapter 04.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float


def numerical_gradient(
    f: Callable[[Float[np.ndarray, "*shape"]], float], x: Float[np.ndarray, "*shape"], step: float = 1e-5
) -> Float[np.ndarray, "*shape"]:
    """Estimate the gradient of `f` at `x`: nudge one entry at a time, up and down.

    Entry i is ``(f(x + step e_i) - f(x - step e_i)) / (2 step)``. The formula's own error falls with
    ``step**2``, rounding's grows with ``1 / step``; in float64 they meet near 1e-5.

    Parameters
    ----------
    f : callable
        Takes an array like `x` and returns one number. It must not change the array.
    x : array, float64, any shape
        Where the gradient is wanted. Two calls of `f` for each entry: keep it small.
    step : float
        The nudge, in the units of `x`.

    Returns
    -------
    array, float64, the shape of `x`

    Raises
    ------
    ValueError
        If `x` is not float64: rounding in float32 would hide small mistakes.

    Examples
    --------
    >>> numerical_gradient(lambda x: float(np.sum(x**2)), np.array([1.0, 3.0])).round(6)
    array([2., 6.])
    """
    if x.dtype != np.float64:
        raise ValueError(f"x has dtype {x.dtype}, expected float64: convert with x.astype(np.float64)")
    gradient, nudged = np.empty_like(x), x.copy()
    for i in np.ndindex(x.shape):
        nudged[i] = x[i] + step
        above = f(nudged)
        nudged[i] = x[i] - step
        gradient[i] = (above - f(nudged)) / (2 * step)
        nudged[i] = x[i]
    return gradient


def relative_error(found: Float[np.ndarray, "*shape"], expected: Float[np.ndarray, "*shape"]) -> float:
    """Return the largest difference over the largest magnitude: 1e-7 means seven digits agree.

    One scale for the whole array, so that an entry which happens to be near zero does no harm. Two
    arrays of zeros differ by 0.

    Examples
    --------
    >>> relative_error(np.array([1.0, 100.0]), np.array([2.0, 100.0]))
    0.01
    """
    scale = max(np.abs(found).max(initial=0.0), np.abs(expected).max(initial=0.0))
    return float(np.abs(found - expected).max(initial=0.0) / scale) if scale else 0.0
