"""Cross-entropy of logits: one pass forward, one back, and the second may write over what it reads.

    log_z  =  log(sum over the V of exp(logit))         of each row
    nats   =  log_z - logit[target]                     0 where the target is -100
    dlogit =  scale ((1 + 2 z_loss log_z) softmax - onehot(target))       with softmax = exp(logit - log_z)

The last line is the gradient of ``scale sum(nats + z_loss log_z**2)``, by d log_z / dlogit = softmax. Once
log_z is known it needs no sum: each element is its own business, and may be replaced where it stands.

    forward: a program walks along its rows        backward: a program takes one tile
    ┌────────┬────────┬──── V ────┐                ┌────────┬────────┬──── V ────┐
    │   →    │   →    │     →     │ program 0      │   0    │   1    │     2     │   reads it, and writes
    │   →    │   →    │     →     │ program 1      │   3    │   4    │     5     │   to the same place
    └────────┴────────┴───────────┘                └────────┴────────┴───────────┘

The sum is kept as flash attention keeps it: a largest logit so far and the sum of exponentials measured
against it, which a larger one shrinks. So V may be anything, and no row is read twice.

Bytes moved for N rows of V logits of b bytes, M of them with a target, in the backward pass P tiles a row:

    forward   N V b + M b + 16 N                   backward   M V b + N V b + 8 N P + 4 M P + 4 per program

Together 3 b a logit, 6 bytes in bfloat16. The numbers of a row (its target, its log_z) and the scale are read
by every program that needs them; caches serve all but the first.

A target that is neither -100 nor one of the V makes its row's log_z NaN, and with it the loss and the row's
gradient: a GPU's error would have to be waited for.

References
----------
Milakov and Gimelshein, Online normalizer calculation for softmax (2018). Hsu et al., Liger Kernel
(2024), section 3.2: the gradient in place of the logits.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from ..eager import IGNORE_INDEX
from .launch import launch
from .tiles import pieces


@triton.jit
def cross_entropy_forward(
    logits, targets, nats, log_z, stride, N, V,
    IGNORED: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    """Write log_z and nats of a tile of rows."""
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    held = row < N
    target = tl.load(targets + row, mask=held, other=IGNORED)
    counted = target != IGNORED
    known = (target >= 0) & (target < V)
    wanted = tl.load(logits + row * stride + target, mask=known, other=0.0).to(tl.float32)
    top = tl.full([ROWS], float("-inf"), tl.float32)
    total = tl.zeros([ROWS], tl.float32)
    for at in range(0, V, COLUMNS):
        column = at + tl.arange(0, COLUMNS)
        inside = held[:, None] & (column < V)[None, :]
        x = tl.load(logits + row[:, None] * stride + column[None, :], mask=inside, other=float("-inf"))
        x = x.to(tl.float32)
        larger = tl.maximum(top, tl.max(x, axis=1))
        base = tl.where(larger == float("-inf"), 0.0, larger)  # all logits so far may be -inf
        total = total * tl.exp(top - base) + tl.sum(tl.exp(x - base[:, None]), axis=1)
        top = larger
    rest = tl.where(counted & ~known, float("nan"), tl.log(total))
    tl.store(log_z + row, top + rest, mask=held)
    tl.store(nats + row, tl.where(counted, rest - (wanted - top), 0.0), mask=held)  # z - wanted loses digits


@triton.jit
def cross_entropy_gradient(
    scale, logits, targets, log_z, out, stride, out_stride, N, V, z_loss,
    IGNORED: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    """Write the gradient of a tile to `out`; rows without a target get zeros, and are not read."""
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    column = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    held, wide = row < N, (column < V)[None, :]
    target = tl.load(targets + row, mask=held, other=IGNORED)
    counted = target != IGNORED
    z = tl.load(log_z + row, mask=counted, other=0.0)
    factor = tl.where(counted, tl.load(scale).to(tl.float32), 0.0)
    x = tl.load(
        logits + row[:, None] * stride + column[None, :], mask=counted[:, None] & wide, other=float("-inf")
    ).to(tl.float32)
    softmax = tl.exp(x - z[:, None])
    onehot = tl.where(column[None, :] == target[:, None], 1.0, 0.0)
    gradient = factor[:, None] * (softmax * (1 + 2 * z_loss * z)[:, None] - onehot)
    to = out + row[:, None] * out_stride + column[None, :]
    tl.store(to, gradient.to(out.dtype.element_ty), mask=held[:, None] & wide)


def cross_entropy(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """(N, V), (N,) int64 -> nats (N,), 0 where the target is -100; log Z (N,); both in float32."""
    N, V = logits.shape
    nats, log_z = (logits.new_empty(N, dtype=torch.float32) for _ in range(2))
    rows, columns, warps = pieces(N, V, times=2)
    launch(
        cross_entropy_forward, (triton.cdiv(N, rows),), logits, targets.contiguous(), nats, log_z,
        logits.stride(0), N, V, IGNORED=IGNORE_INDEX, ROWS=rows, COLUMNS=columns, num_warps=warps,
    )  # fmt: skip
    return nats, log_z


def cross_entropy_backward(
    scale: Tensor, logits: Tensor, targets: Tensor, log_z: Tensor, z_loss: float, out: Tensor
) -> None:
    """Write scale () times the gradient of sum(nats + z_loss log_z**2) to `out` (N, V) or `logits`."""
    N, V = logits.shape
    rows, columns, warps = pieces(N, V)
    launch(
        cross_entropy_gradient, (triton.cdiv(N, rows), triton.cdiv(V, columns)), scale, logits,
        targets.contiguous(), log_z, out, logits.stride(0), out.stride(0), N, V, z_loss,
        IGNORED=IGNORE_INDEX, ROWS=rows, COLUMNS=columns, num_warps=warps,
    )  # fmt: skip
