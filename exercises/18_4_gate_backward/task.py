r"""SwiGLU's way back, computed again.

Exercise 18.4 · 18_first_triton_kernels · medium · 20 minutes

PyTorch keeps $g\,\sigma(g)$ from the forward pass. Your kernel keeps nothing: it has g in its registers and
computes the sigmoid again, which costs less than fetching what was kept. Three tensors in, two out, ten bytes
a number in bfloat16, and the checker counts them.
"""

import torch
import triton  # noqa: F401 - for your kernel
import triton.language as tl  # noqa: F401
from jaxtyping import Float

from minillama.kernels.triton.interpreter import enable

enable()  # kernels that are defined from here on run on the CPU


def gate_backward(
    dy: Float[torch.Tensor, "N F"], gate: Float[torch.Tensor, "N F"], up: Float[torch.Tensor, "N F"]
) -> tuple[Float[torch.Tensor, "N F"], Float[torch.Tensor, "N F"]]:
    r"""Return the gradients of gate and up by a Triton kernel of your own.

    The forward pass was $y = g \, \sigma(g) \, u$. Derive both, write the kernel above this function, under
    ``@triton.jit``, and start it here on blocks of 16 numbers.

    Parameters
    ----------
    dy, gate, up : tensor of shape (N, F), float32 or bfloat16
        Contiguous. N F need not be a multiple of 16.

    Returns
    -------
    tensor of shape (N, F)
        Gradient of `gate`, in its dtype.
    tensor of shape (N, F)
        Gradient of `up`.

    Examples
    --------
    At a gate of 0 the sigmoid is a half, and so is the slope of g times it:

    >>> dgate, dup = gate_backward(torch.ones(1, 1), torch.zeros(1, 1), torch.full((1, 1), 4.0))
    >>> dgate.item(), dup.item()
    (2.0, 0.0)
    """
    raise NotImplementedError
