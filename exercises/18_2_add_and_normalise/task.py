"""Add and normalise, in one trip.

Exercise 18.2 · 18_first_triton_kernels · medium · 30 minutes

The sum of a layer's output and the stream is needed twice: as the stream from here on, and normalised, by the
next layer. Write one Triton kernel that does both and reads each input once. Here it runs on the CPU, in the
interpreter; the checker counts its bytes and looks for races. bfloat16 is loaded, computed in float32, and
rounded where it is stored.
"""

import torch
import triton  # noqa: F401 - for your kernel
import triton.language as tl  # noqa: F401
from jaxtyping import Float

from minillama.kernels.triton.interpreter import enable

enable()  # kernels that are defined from here on run on the CPU


def add_and_normalise(
    x: Float[torch.Tensor, "N C"],
    residual: Float[torch.Tensor, "N C"],
    weight: Float[torch.Tensor, " C"],
    eps: float,
) -> tuple[Float[torch.Tensor, "N C"], Float[torch.Tensor, "N C"]]:
    r"""Return the norm of the sum, and the sum, by a Triton kernel of your own.

    $t = \mathrm{residual} + x$, rounded to its dtype, and $y = t \, w / \sqrt{\mathrm{mean}(t^2) +
    \varepsilon}$ of the *rounded* t, the mean taken over each row's C elements. Write the kernel above this
    function, under ``@triton.jit``; here, make the outputs and start it.

    Parameters
    ----------
    x, residual : tensor of shape (N, C), float32 or bfloat16
        Both of one dtype, contiguous. C need not be a power of two.
    weight : tensor of shape (C,)
        Of the same dtype.
    eps : float

    Returns
    -------
    tensor of shape (N, C)
        y, in the dtype of x.
    tensor of shape (N, C)
        t, the stream from here on, in the dtype of x.

    Examples
    --------
    The sum is (1, 7), its mean square 25:

    >>> x, residual = torch.tensor([[1.0, 4.0]]), torch.tensor([[0.0, 3.0]])
    >>> y, total = add_and_normalise(x, residual, torch.tensor([10.0, 1.0]), eps=0.0)
    >>> [round(v, 4) for v in y[0].tolist()], total[0].tolist()
    ([2.0, 1.4], [1.0, 7.0])
    """
    raise NotImplementedError
