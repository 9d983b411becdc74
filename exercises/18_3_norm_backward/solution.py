"""A program takes every P-th row and stores its share of the weight's gradient in a row of its own."""

import torch
import triton
import triton.language as tl
from jaxtyping import Float

from minillama.kernels.triton.interpreter import enable

enable()  # kernels that are defined from here on run on the CPU


@triton.jit
def norm_gradient(dy, x, weight, rstd, dx, partial, N, C, BLOCK: tl.constexpr):
    program = tl.program_id(0).to(tl.int64)
    column = tl.arange(0, BLOCK)
    inside = column < C
    w = tl.load(weight + column, mask=inside, other=0.0)
    dweight = tl.zeros([BLOCK], tl.float32)
    for row in range(program, N, tl.num_programs(0)):
        r = tl.load(rstd + row)
        t = tl.load(x + row * C + column, mask=inside, other=0.0).to(tl.float32) * r
        d = tl.load(dy + row * C + column, mask=inside, other=0.0).to(tl.float32)
        g = d * w
        out = r * (g - t * (tl.sum(g * t, axis=0) / C))
        tl.store(dx + row * C + column, out.to(dx.dtype.element_ty), mask=inside)
        dweight += d * t
    tl.store(partial + program * C + column, dweight, mask=inside)


def norm_backward(
    dy: Float[torch.Tensor, "N C"],
    x: Float[torch.Tensor, "N C"],
    weight: Float[torch.Tensor, " C"],
    rstd: Float[torch.Tensor, " N"],
    programs: int,
) -> tuple[Float[torch.Tensor, "N C"], Float[torch.Tensor, " C"]]:
    N, C = x.shape
    dx, partial = torch.empty_like(x), x.new_empty(programs, C, dtype=torch.float32)
    block = triton.next_power_of_2(C)
    norm_gradient[(programs,)](dy, x, weight, rstd, dx, partial, N, C, BLOCK=block)
    return dx, partial.sum(0)
