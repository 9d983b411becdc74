"""A program a row: two rows in, their sum rounded and kept in registers, two rows out."""

import torch
import triton
import triton.language as tl
from jaxtyping import Float

from minillama.kernels.triton.interpreter import enable

enable()  # kernels that are defined from here on run on the CPU


@triton.jit
def add_norm_kernel(x, residual, weight, y, total, C, eps, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    column = tl.arange(0, BLOCK)
    inside = column < C
    place = row * C + column
    t = tl.load(x + place, mask=inside, other=0.0).to(tl.float32)
    t += tl.load(residual + place, mask=inside, other=0.0).to(tl.float32)
    kept = t.to(total.dtype.element_ty)
    tl.store(total + place, kept, mask=inside)
    t = kept.to(tl.float32)  # what the way back will see
    r = tl.rsqrt(tl.sum(t * t, axis=0) / C + eps)
    w = tl.load(weight + column, mask=inside, other=0.0).to(tl.float32)
    tl.store(y + place, (t * r * w).to(y.dtype.element_ty), mask=inside)


def add_and_normalise(
    x: Float[torch.Tensor, "N C"],
    residual: Float[torch.Tensor, "N C"],
    weight: Float[torch.Tensor, " C"],
    eps: float,
) -> tuple[Float[torch.Tensor, "N C"], Float[torch.Tensor, "N C"]]:
    N, C = x.shape
    y, total = torch.empty_like(x), torch.empty_like(x)
    add_norm_kernel[(N,)](x, residual, weight, y, total, C, eps, BLOCK=triton.next_power_of_2(C))
    return y, total
