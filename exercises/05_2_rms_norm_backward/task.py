"""RMSNorm, backward.

Exercise 05.2 · 05_rmsnorm_and_pre_norm · medium · 20 minutes

Each entry of x acts twice: on its own output, and through the root mean square on all the others. So its
gradient has two parts, and the second takes away whatever points along x. Derive it once more on paper, then
write it. Here nothing was saved by the forward pass: make again what you need.
"""

import numpy as np
from jaxtyping import Float


def rms_norm_backward(
    d_out: Float[np.ndarray, "*batch C"],
    x: Float[np.ndarray, "*batch C"],
    weight: Float[np.ndarray, " C"],
    eps: float,
) -> tuple[Float[np.ndarray, "*batch C"], Float[np.ndarray, " C"]]:
    r"""Return the gradients of the loss by x and by the weight.

    The forward pass was $\hat x = x / \sqrt{\mathrm{mean}(x^2) + \varepsilon}$ and $y = w \hat x$.

    Parameters
    ----------
    d_out : float array of shape (*batch, C)
        Gradient of the loss by the output y.
    x : float array of shape (*batch, C)
        What the forward pass was given. Any number of axes in front.
    weight : float array of shape (C,)
        The factors of the channels.
    eps : float
        As in the forward pass.

    Returns
    -------
    d_x : float array of shape (*batch, C)
    d_weight : float array of shape (C,)
        The same weight served every vector, so its gradient is a sum over all of them.

    Examples
    --------
    The result is at a right angle to x, here (1, 7):

    >>> d_x, d_weight = rms_norm_backward(np.array([1.0, 0.0]), np.array([1.0, 7.0]), np.ones(2), 0.0)
    >>> d_x, d_weight
    (array([ 0.196, -0.028]), array([0.2, 0. ]))
    """
    raise NotImplementedError
