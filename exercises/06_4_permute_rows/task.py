r"""Sort the rows of a projection.

Exercise 06.4 · 06_rope · medium · 15 minutes

A file from Meta has the rows of its query and key projections in the interleaved layout: in each head, rows
2j and 2j + 1 make pair j. A program that turns halves needs all the first members of the pairs first, then
all the second: rows 0 2 4 ... 1 3 5 ... of each head. Every head is sorted by itself.
"""

import numpy as np
from jaxtyping import Float


def permute_rows(weight: Float[np.ndarray, "N ..."], n_heads: int) -> Float[np.ndarray, "N ..."]:
    """Reorder the rows of a query or key projection from the interleaved layout to the half layout.

    In each head of D = N / n_heads rows: new row j is old row 2j, new row j + D/2 is old row 2j + 1.

    Parameters
    ----------
    weight : float array of shape (N, *rest)
        N = n_heads * D rows. A weight has shape (N, C), a bias (N,).
    n_heads : int
        Heads in this projection. For keys that is the number of key heads.

    Returns
    -------
    float array of the shape of `weight`
        A new array; `weight` is left alone.

    Examples
    --------
    Two heads of four rows each:

    >>> permute_rows(np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]), n_heads=2)
    array([0., 2., 1., 3., 4., 6., 5., 7.])
    """
    raise NotImplementedError
