"""One head, with a memory.

Exercise 07.2 · 07_attention · easy · 15 minutes

While text is generated, keys and values of all earlier positions are kept, and only the newest positions
ask. So there may be fewer queries than keys: the queries belong to the *last* positions. Values may have
another width than keys; nothing in the formula forbids it.
"""

import numpy as np
from jaxtyping import Float


def one_head(
    q: Float[np.ndarray, "T D"], k: Float[np.ndarray, "S D"], v: Float[np.ndarray, "S E"]
) -> Float[np.ndarray, "T E"]:
    r"""Return causal attention of T queries over S keys, for one head and one text.

    Scores are $q_i \cdot k_j / \sqrt D$; weights are their softmax over the keys $j$ that query $i$ may see:
    its own position and those before it. What comes out is the average of the values under these weights.

    Parameters
    ----------
    q : float array of shape (T, D)
        Queries of the last T of the S positions, in order. T <= S.
    k : float array of shape (S, D)
        Keys of all positions.
    v : float array of shape (S, E)
        Values of all positions.

    Returns
    -------
    float array of shape (T, E)

    Examples
    --------
    One query of zeros, for the last of three positions: the plain average of all three values.

    >>> one_head(np.zeros((1, 2)), np.ones((3, 2)), np.array([[1.0], [4.0], [7.0]]))
    array([[4.]])
    """
    raise NotImplementedError
