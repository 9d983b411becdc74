r"""Turn in the interleaved layout, and back.

Exercise 06.3 · 06_rope · medium · 15 minutes

In the paper, in Meta's files and in GGUF files of LLaMA, pair j is (2j, 2j + 1): neighbours. Write the
rotation for this layout, and its way back: from the gradient of the output to the gradient of the input. A
rotation is a matrix, and a gradient passes a matrix through its transpose.
"""

import numpy as np
from jaxtyping import Float


def rope_interleaved(
    x: Float[np.ndarray, "*heads T D"], cos: Float[np.ndarray, "T D2"], sin: Float[np.ndarray, "T D2"]
) -> Float[np.ndarray, "*heads T D"]:
    r"""Turn pair j, the numbers 2j and 2j + 1, at position t by the angle of `cos[t, j]` and `sin[t, j]`.

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
    A quarter turn of both pairs, (1, 2) and (3, 4), makes (a, b) into (-b, a):

    >>> rope_interleaved(np.array([[1.0, 2.0, 3.0, 4.0]]), np.zeros((1, 2)), np.ones((1, 2)))
    array([[-2.,  1., -4.,  3.]])
    """
    raise NotImplementedError


def rope_interleaved_backward(
    d_out: Float[np.ndarray, "*heads T D"], cos: Float[np.ndarray, "T D2"], sin: Float[np.ndarray, "T D2"]
) -> Float[np.ndarray, "*heads T D"]:
    r"""Return the gradient of `x`, given that of `rope_interleaved`'s output.

    With $y = A x$ the gradients are related by $\bar x = A^\top \bar y$.

    Parameters
    ----------
    d_out : float array of shape (*heads, T, D)
        Derivative of the loss by the output.
    cos, sin : float arrays of shape (T, D/2)
        As in the forward pass.

    Returns
    -------
    float array of shape (*heads, T, D)
        Derivative of the loss by `x`.

    Examples
    --------
    >>> rope_interleaved_backward(np.array([[-2.0, 1.0, -4.0, 3.0]]), np.zeros((1, 2)), np.ones((1, 2)))
    array([[1., 2., 3., 4.]])
    """
    raise NotImplementedError
