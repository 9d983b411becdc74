"""Three blocks in, one sigmoid, two blocks out."""

import torch
import triton
import triton.language as tl
from jaxtyping import Float

from minillama.kernels.triton.interpreter import enable

enable()  # kernels that are defined from here on run on the CPU


@triton.jit
def gate_gradient(dy, gate, up, dgate, dup, n, BLOCK: tl.constexpr):
    lane = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = lane < n  # nothing is summed: what a masked lane holds is never stored
    d = tl.load(dy + lane, mask=inside).to(tl.float32)
    g = tl.load(gate + lane, mask=inside).to(tl.float32)
    u = tl.load(up + lane, mask=inside).to(tl.float32)
    s = tl.sigmoid(g)
    dg = d * u * s * (1 + g * (1 - s))
    tl.store(dgate + lane, dg.to(dgate.dtype.element_ty), mask=inside)
    tl.store(dup + lane, (d * g * s).to(dup.dtype.element_ty), mask=inside)


def gate_backward(
    dy: Float[torch.Tensor, "N F"], gate: Float[torch.Tensor, "N F"], up: Float[torch.Tensor, "N F"]
) -> tuple[Float[torch.Tensor, "N F"], Float[torch.Tensor, "N F"]]:
    dgate, dup, n = torch.empty_like(gate), torch.empty_like(up), gate.numel()
    gate_gradient[(triton.cdiv(n, 16),)](dy, gate, up, dgate, dup, n, BLOCK=16)
    return dgate, dup
