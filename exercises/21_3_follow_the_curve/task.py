"""Until when two curves agree.

Exercise 21.3 · 21_the_gpu_decoder · medium · 20 minutes

A new backend trains, its loss falls, and that proves nothing. Hold its curve against the exact one, within a
band that twins justify: runs of the trusted backend from weights that differ by a rounding. Their distance
from the exact curve is what rounding alone does, and it grows with the steps.
"""

import numpy as np
from jaxtyping import Float


def first_parting(
    curve: Float[np.ndarray, " S"],
    exact: Float[np.ndarray, " S"],
    twins: Float[np.ndarray, "K S"],
    factor: float,
) -> int | None:
    r"""Return the first step at which `curve` is not within the band around `exact`, or None.

    The band's half width at a step is `factor` times the largest distance that any twin has had from `exact`
    up to and including this step, or the distance of neighbouring float32 numbers at the exact loss, if that
    is larger. Its edge belongs to it. A loss that is no number is outside.

    Parameters
    ----------
    curve : float array of shape (S,)
        Losses of S steps, nats. May hold NaN and infinities.
    exact : float array of shape (S,)
        The same run in float64.
    twins : float array of shape (K, S)
        The losses of K twins, one at least, all finite.
    factor : float
        How many times as far as the twins a curve may be.

    Returns
    -------
    int or None
        Counted from 1; None if the curve stays in the band.

    Examples
    --------
    The twin was 0.1 away at its first step and closer later, so the band is 0.2 wide on each side throughout:

    >>> exact, twins = np.array([4.0, 3.0, 2.0]), np.array([[4.1, 3.0, 2.05]])
    >>> first_parting(np.array([4.1, 2.9, 2.3]), exact, twins, factor=2.0)
    3
    >>> first_parting(np.array([3.9, 3.1, 1.9]), exact, twins, factor=2.0) is None
    True
    """
    raise NotImplementedError
