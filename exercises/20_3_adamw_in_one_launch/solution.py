"""Four loads and the factor, three stores; what differs at the boundary is one number per lane."""

import torch
import triton
import triton.language as tl
from jaxtyping import Float

from minillama.kernels.triton.interpreter import enable

enable()  # kernels that are defined from here on run on the CPU


@triton.jit
def update(
    p_ptr, g_ptr, m_ptr, v_ptr, factor, n, decayed, shrink, rate, beta1, beta2, unbias2, eps,
    BLOCK: tl.constexpr,
):  # fmt: skip
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)  # 7B numbers are more than 2**31
    inside = at < n
    p, g = tl.load(p_ptr + at, mask=inside), tl.load(g_ptr + at, mask=inside) * tl.load(factor)
    m = beta1 * tl.load(m_ptr + at, mask=inside) + (1 - beta1) * g
    v = beta2 * tl.load(v_ptr + at, mask=inside) + (1 - beta2) * g * g
    p = p - tl.where(at < decayed, shrink, 0.0) * p - rate * m / (tl.sqrt(v / unbias2) + eps)
    tl.store(p_ptr + at, p, mask=inside)
    tl.store(m_ptr + at, m, mask=inside)
    tl.store(v_ptr + at, v, mask=inside)


def clipped_adamw(
    p: Float[torch.Tensor, " n"],
    g: Float[torch.Tensor, " n"],
    m: Float[torch.Tensor, " n"],
    v: Float[torch.Tensor, " n"],
    factor: Float[torch.Tensor, ""],
    decayed: int,
    step: int,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
) -> None:
    block = 1024
    rate, unbias2 = lr / (1 - beta1**step), 1 - beta2**step
    scalars = len(p), decayed, lr * weight_decay, rate, beta1, beta2, unbias2, eps
    update[(triton.cdiv(len(p), block),)](p, g, m, v, factor, *scalars, BLOCK=block)
