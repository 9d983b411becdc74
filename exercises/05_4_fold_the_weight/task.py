"""Fold the norm's weight away.

Exercise 05.4 · 05_rmsnorm_and_pre_norm · easy · 10 minutes

In LLaMA every norm is followed by matrices and nothing else: attention_norm by those of queries, keys and
values, ffn_norm by gate and up. Its weight can be multiplied into them once and for all. The model computes
the same with a norm that has nothing left to multiply.
"""

import numpy as np
from jaxtyping import Float


def fold(
    weight: Float[np.ndarray, " C"], matrices: list[Float[np.ndarray, "C _"]]
) -> tuple[Float[np.ndarray, " C"], list[Float[np.ndarray, "C _"]]]:
    """Return a norm's new weight and new matrices, so that the products stay what they were.

    Before: each output is (x_hat * weight) @ matrix, where x_hat, of shape (*batch, C), is the normalised
    input. After: (x_hat * new_weight) @ new_matrix is the same, for every x_hat, and new_weight changes
    nothing.

    Parameters
    ----------
    weight : float array of shape (C,)
        The norm's weight.
    matrices : list of float arrays of shape (C, F)
        All matrices that read the norm's output; F may differ from one to the next. Row c multiplies
        channel c.

    Returns
    -------
    new_weight : float array of shape (C,)
    new_matrices : list of float arrays of the old shapes
        New arrays: those given stay as they are.

    Examples
    --------
    >>> new_weight, [new_matrix] = fold(np.array([2.0, 10.0]), [np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])])
    >>> new_weight
    array([1., 1.])
    >>> new_matrix
    array([[ 2.,  4.,  6.],
           [40., 50., 60.]])
    """
    raise NotImplementedError
