r"""The embedding, backward.

Exercise 04.2 · 04_backpropagation · easy · 10 minutes

An embedding copies one row of a table for each token. The same token may stand in many places, and then
its row was copied many times. On the way back each copy brings its own gradient. Collect them, without a
loop over the tokens if you can.
"""

import numpy as np
from jaxtyping import Float, Integer


def embedding_backward(
    d_out: Float[np.ndarray, "*batch C"], tokens: Integer[np.ndarray, "*batch"], vocab_size: int
) -> Float[np.ndarray, "V C"]:
    r"""Return the gradient of the loss by the table of vectors.

    The forward pass was `out = table[tokens]`, so $\bar E_v = \sum_{n:\, \text{token}_n = v} \bar y_n$.

    Parameters
    ----------
    d_out : float array of shape (*batch, C)
        Gradient of the loss by the output: one vector for each place.
    tokens : integer array of shape (*batch,)
        Which row was copied to each place, from 0 to V - 1.
    vocab_size : int
        V, the number of rows of the table.

    Returns
    -------
    float array of shape (V, C)
        Zeros in the rows of tokens that did not occur.

    Examples
    --------
    Token 1 stood in two places, token 2 in none:

    >>> embedding_backward(np.array([[1.0], [10.0], [100.0]]), np.array([1, 0, 1]), vocab_size=3)
    array([[ 10.],
           [101.],
           [  0.]])
    """
    raise NotImplementedError
