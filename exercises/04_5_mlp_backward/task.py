r"""A network with one hidden layer, backward.

Exercise 04.5 · 04_backpropagation · medium · 25 minutes

Two linear layers with a bend between them: the network of the chapter without its embedding and its loss,
and half of every block of a transformer. Walk back through it. Nothing was saved by the forward pass:
make again what you need.
"""

import numpy as np
from jaxtyping import Float


def mlp_backward(
    d_out: Float[np.ndarray, "*batch O"],
    x: Float[np.ndarray, "*batch I"],
    w1: Float[np.ndarray, "F I"],
    b1: Float[np.ndarray, " F"],
    w2: Float[np.ndarray, "O F"],
) -> tuple[
    Float[np.ndarray, "*batch I"],
    Float[np.ndarray, "F I"],
    Float[np.ndarray, " F"],
    Float[np.ndarray, "O F"],
]:
    r"""Return the gradients of the loss by x, w1, b1 and w2.

    The forward pass was $a = W_1 x + b_1$, $h = \tanh a$ and $y = W_2 h$, for each vector $x$.

    Parameters
    ----------
    d_out : float array of shape (*batch, O)
        Gradient of the loss by the output y.
    x : float array of shape (*batch, I)
        What the forward pass was given. Any number of axes in front.
    w1 : float array of shape (F, I)
    b1 : float array of shape (F,)
    w2 : float array of shape (O, F)

    Returns
    -------
    d_x : float array of shape (*batch, I)
    d_w1 : float array of shape (F, I)
    d_b1 : float array of shape (F,)
    d_w2 : float array of shape (O, F)

    Examples
    --------
    Where a is 0, tanh has the slope 1, and a gradient passes as if there were no bend. But h is 0 there,
    and so is the gradient of w2:

    >>> d_out, x, w1 = np.array([[1.0]]), np.array([[2.0]]), np.array([[3.0]])
    >>> mlp_backward(d_out, x, w1, b1=np.array([-6.0]), w2=np.array([[5.0]]))
    (array([[15.]]), array([[10.]]), array([5.]), array([[0.]]))
    """
    raise NotImplementedError
