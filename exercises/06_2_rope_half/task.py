r"""Turn in the half layout.

Exercise 06.2 · 06_rope · easy · 10 minutes

Each pair of numbers of a query or key is turned by its position's angle: $(a, b) \to (a\cos\varphi -
b\sin\varphi,\; a\sin\varphi + b\cos\varphi)$. In Hugging Face's layout, which this book's package holds
too, pair j is (j, j + D/2): the first half of the vector holds all the a, the second half all the b.
"""

import numpy as np
from jaxtyping import Float


def rope_half(
    x: Float[np.ndarray, "*heads T D"], cos: Float[np.ndarray, "T D2"], sin: Float[np.ndarray, "T D2"]
) -> Float[np.ndarray, "*heads T D"]:
    r"""Turn pair j, the numbers j and j + D/2, at position t by the angle of `cos[t, j]` and `sin[t, j]`.

    $a' = a\cos - b\sin$, $b' = a\sin + b\cos$, and each goes back to where it was.

    Parameters
    ----------
    x : float array of shape (*heads, T, D)
        Queries or keys; D is even, any number of axes in front.
    cos, sin : float arrays of shape (T, D/2)
        One row per position, one column per pair.

    Returns
    -------
    float array of shape (*heads, T, D)

    Examples
    --------
    A quarter turn of both pairs, (1, 3) and (2, 4), makes (a, b) into (-b, a):

    >>> rope_half(np.array([[1.0, 2.0, 3.0, 4.0]]), np.zeros((1, 2)), np.ones((1, 2)))
    array([[-3., -4.,  1.,  2.]])
    """
    raise NotImplementedError
