r"""The table of angles.

Exercise 06.1 · 06_rope · easy · 15 minutes

RoPE turns pair j of a head by $m\,\omega_j$ radians at position m, with $\omega_j = \theta^{-2j/D}$. A
program computes the cosines and sines once, for the positions at hand. These need not begin at 0: a model
that generates gets its text in chunks, and each chunk's positions are counted from the beginning of the
text.
"""

import numpy as np
from jaxtyping import Float


def frequencies(head_dim: int, theta: float) -> Float[np.ndarray, " D2"]:
    r"""Return by how many radians each pair turns per position: $\omega_j = \theta^{-2j/D}$.

    Parameters
    ----------
    head_dim : int
        D, even.
    theta : float
        The base, larger than 1.

    Returns
    -------
    float64 array of shape (D/2,)
        For j = 0, ..., D/2 - 1.

    Examples
    --------
    >>> frequencies(8, 10_000.0)
    array([1.   , 0.1  , 0.01 , 0.001])
    """
    raise NotImplementedError


def rope_table(
    head_dim: int, theta: float, start: int, end: int
) -> tuple[Float[np.ndarray, "T D2"], Float[np.ndarray, "T D2"]]:
    r"""Return cosines and sines of the angles $m\,\omega_j$ at positions `start` to `end` - 1.

    Parameters
    ----------
    head_dim : int
        D, even.
    theta : float
        The base.
    start, end : int
        Positions, counted from 0 at the beginning of the text; `end` is not in the table any more.

    Returns
    -------
    cos, sin : float64 arrays of shape (end - start, D/2)
        Row by row one position, column by column one pair.

    Examples
    --------
    Position 0 has not turned. At position 100, with base 100, the second of two pairs has turned by
    100 * 100 ** -0.5 = 10 radians:

    >>> cos, sin = rope_table(4, 100.0, 0, 1)
    >>> cos, sin
    (array([[1., 1.]]), array([[0., 0.]]))
    >>> cos, sin = rope_table(4, 100.0, 100, 101)
    >>> bool(np.isclose(cos[0, 1], np.cos(10)))
    True
    """
    raise NotImplementedError
