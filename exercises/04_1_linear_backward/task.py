r"""The linear layer, backward.

Exercise 04.1 · 04_backpropagation · easy · 15 minutes

Each output of a linear layer is a weighted sum of the inputs plus a bias. Given the gradient of the
outputs, find the gradients of all three: input, weight, bias. There may be any number of axes in front,
one vector or a batch of texts, and each vector along the last axis goes through the layer by itself.
"""

import numpy as np
from jaxtyping import Float


def linear_backward(
    d_out: Float[np.ndarray, "*batch O"], x: Float[np.ndarray, "*batch I"], weight: Float[np.ndarray, "O I"]
) -> tuple[Float[np.ndarray, "*batch I"], Float[np.ndarray, "O I"], Float[np.ndarray, " O"]]:
    r"""Return the gradients of the loss by x, weight and bias.

    The forward pass was $y_o = \sum_i W_{oi} x_i + b_o$, for each vector $x$.

    Parameters
    ----------
    d_out : float array of shape (*batch, O)
        Gradient of the loss by the output y.
    x : float array of shape (*batch, I)
        What the forward pass was given.
    weight : float array of shape (O, I)
        One row for each output. (The bias is not needed on the way back.)

    Returns
    -------
    d_x : float array of shape (*batch, I)
    d_weight : float array of shape (O, I)
    d_bias : float array of shape (O,)
        Weight and bias served every vector, so their gradients are sums over all of them.

    Examples
    --------
    One output, the sum of 3 times the first input and 4 times the second:

    >>> d_out, x, weight = np.array([[10.0]]), np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])
    >>> linear_backward(d_out, x, weight)
    (array([[30., 40.]]), array([[10., 20.]]), array([10.]))
    """
    raise NotImplementedError
