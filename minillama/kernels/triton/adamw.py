"""AdamW in one pass: each element of a parameter, its gradient and its two averages is loaded once.

    mean   =  mean + (1 - beta1) (gradient - mean)
    square =  beta2 square + (1 - beta2) gradient**2
    p      =  (1 - lr weight_decay) p
              - lr (mean / (1 - beta1**step)) / (sqrt(square / (1 - beta2**step)) + eps)

    p ──┐                          ┌─→ p         written operation by operation, each line is a pass over
    g ──┤ program i: elements      │             memory or several. Here everything between the loads
    m ──┤ i BLOCK to (i + 1) BLOCK ├─→ m         and the stores happens in registers, in float32.
    v ──┘                          └─→ v

Bytes moved for each element: four loads and three stores, 28 in float32; a bfloat16 gradient makes it 26.
Tensors are flat and each is a launch: 291 for LLaMA 7B, whose largest hold millions of elements.

The numbers that change from step to step (lr, what is left of the bias) are arguments, not constants: nothing
is compiled again. Each dtype may differ from tensor to tensor.

References
----------
Loshchilov and Hutter, Decoupled weight decay regularization (2019), algorithm 2. Kingma and Ba, Adam (2015).
"""

from __future__ import annotations

from collections.abc import Sequence

import triton
import triton.language as tl
from torch import Tensor

from .launch import launch
from .tiles import pieces


@triton.jit
def adamw_step(
    parameter, gradient, mean, square, n, keep, rate, weight1, beta2, weight2, unbias2, eps,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """Move `BLOCK` elements by one update."""
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = at < n
    p = tl.load(parameter + at, mask=inside, other=0.0).to(tl.float32)
    g = tl.load(gradient + at, mask=inside, other=0.0).to(tl.float32)
    m = tl.load(mean + at, mask=inside, other=0.0).to(tl.float32)
    v = tl.load(square + at, mask=inside, other=0.0).to(tl.float32)
    m += weight1 * (g - m)
    v = beta2 * v + weight2 * g * g
    p = keep * p - rate * m / (tl.sqrt(v / unbias2) + eps)
    tl.store(parameter + at, p.to(parameter.dtype.element_ty), mask=inside)
    tl.store(mean + at, m.to(mean.dtype.element_ty), mask=inside)
    tl.store(square + at, v.to(square.dtype.element_ty), mask=inside)


def adamw(
    parameters: Sequence[Tensor],
    gradients: Sequence[Tensor],
    means: Sequence[Tensor],
    squares: Sequence[Tensor],
    step: int,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
) -> None:
    """Update `parameters`, `means` and `squares` in place."""
    scalars = 1 - lr * weight_decay, lr / (1 - beta1**step), 1 - beta1, beta2, 1 - beta2, 1 - beta2**step, eps
    for tensors in zip(parameters, gradients, means, squares, strict=True):
        n = tensors[0].numel()
        if n:
            _, block, warps = pieces(1, n)
            launch(adamw_step, (triton.cdiv(n, block),), *tensors, n, *scalars, BLOCK=block, num_warps=warps)
