"""RMSNorm's way back, without a race.

Exercise 18.3 · 18_first_triton_kernels · hard · 45 minutes

Each row's dx belongs to one program. The weight's gradient is a sum over all rows, and belongs to nobody: if
every program adds to it, additions are lost on a GPU, though never in an interpreter. Give each of P programs
every P-th row and a row of partial sums of its own. The checker looks at who touched which address.
"""

import torch
import triton  # noqa: F401 - for your kernel
import triton.language as tl  # noqa: F401
from jaxtyping import Float

from minillama.kernels.triton.interpreter import enable

enable()  # kernels that are defined from here on run on the CPU


def norm_backward(
    dy: Float[torch.Tensor, "N C"],
    x: Float[torch.Tensor, "N C"],
    weight: Float[torch.Tensor, " C"],
    rstd: Float[torch.Tensor, " N"],
    programs: int,
) -> tuple[Float[torch.Tensor, "N C"], Float[torch.Tensor, " C"]]:
    r"""Return the gradients of RMSNorm's input and weight, by a Triton kernel of your own.

    With $t = x \, r$ and $g = dy \, w$ of a row: $dx = r \, (g - t \, \mathrm{mean}(g \, t))$ and
    $dw = \sum_{\mathrm{rows}} dy \, t$. The kernel reads each element of `dy` and `x` once and sums in
    float32. The rows of partial sums may be added up by a second kernel, or by PyTorch.

    Parameters
    ----------
    dy, x : tensor of shape (N, C), float32 or bfloat16
        Contiguous. C need not be a power of two.
    weight : float32 tensor of shape (C,)
    rstd : float32 tensor of shape (N,)
        r of each row, $1 / \sqrt{\mathrm{mean}(x^2) + \varepsilon}$, kept by the forward pass.
    programs : int
        P; there may be more programs than rows.

    Returns
    -------
    tensor of shape (N, C)
        dx, in the dtype of x.
    float32 tensor of shape (C,)
        dweight.

    Examples
    --------
    Chapter 05's row (1, 7), of root mean square 5; dx is at a right angle to it:

    >>> dy, x, weight = torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 7.0]]), torch.ones(2)
    >>> dx, dweight = norm_backward(dy, x, weight, torch.tensor([0.2]), programs=1)
    >>> [round(v, 4) for v in dx[0].tolist()], [round(v, 4) for v in dweight.tolist()]
    ([0.196, -0.028], [0.2, 0.0])
    """
    raise NotImplementedError
