"""RMSNorm, alone and of a sum that the residual stream keeps: one pass forward, one backward.

    total  =  residual + x                            add_rms_norm; rms_norm: total is x
    rstd   =  1 / sqrt(mean(total**2) + eps)          of each row
    y      =  total rstd weight

    With t = total rstd and g = dy weight:
    dtotal =  rstd (g - t mean(g t))  [+ dtotal of the stream]      dweight = sum over rows of dy t

A program holds whole rows in registers, so each is read once. Narrow rows (a head of 128, for QK-norm) come
several a program:

    forward                         backward: P programs, each takes every P-th tile of rows
    ┌──────── C ────────┐           ┌──────── C ────────┐
    │ program 0         │           │ program 0         │    each sums dy t of its rows in registers
    │ program 1         │           │ program 1         │    and stores one row of P partial sums;
    │ program 2         │           │ program 0         │    `column_sums` adds the P rows. No atomics:
    │ ...               │           │ program 1         │    two runs give the same bits.

Bytes moved for N rows of C elements of b bytes (weights of w bytes, P programs at most `PARTIALS`):

    rms_norm          2 N C b + 4 N + C w             backward  3 N C b + 4 N + C w + (8 P C + C w)
    add_rms_norm      4 N C b + 4 N + C w             backward  4 N C b + 4 N + C w + (8 P C + C w)

The weight is read by every program; caches serve all but the first.

References
----------
Zhang and Sennrich, Root Mean Square Layer Normalization (2019), section 4.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from ..operators import Uncovered
from .launch import launch
from .tiles import whole_rows

PARTIALS = 256
"""Programs of a backward pass at most: two for each multiprocessor of the larger GPUs of today."""
WIDEST = 16384
"""Elements of a row that one program can hold."""


@triton.jit
def rms_norm_forward(
    x, residual, weight, y, total, rstd, x_stride, residual_stride, N, C, eps,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    """Normalise a tile of rows; with a `residual`, add it first and store the sum in `total`."""
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    column = tl.arange(0, COLUMNS)
    inside = (row < N)[:, None] & (column < C)[None, :]
    t = tl.load(x + row[:, None] * x_stride + column[None, :], mask=inside, other=0.0).to(tl.float32)
    if residual is not None:
        stream = tl.load(residual + row[:, None] * residual_stride + column[None, :], mask=inside, other=0.0)
        kept = (stream.to(tl.float32) + t).to(total.dtype.element_ty)
        tl.store(total + row[:, None] * C + column[None, :], kept, mask=inside)
        t = kept.to(tl.float32)  # as the backward pass will see it
    r = tl.rsqrt(tl.sum(t * t, axis=1) / C + eps)
    tl.store(rstd + row, r, mask=row < N)
    w = tl.load(weight + column, mask=column < C, other=0.0).to(tl.float32)
    out = t * r[:, None] * w[None, :]
    tl.store(y + row[:, None] * C + column[None, :], out.to(y.dtype.element_ty), mask=inside)


@triton.jit
def rms_norm_gradient(
    dy, dtotal, total, weight, rstd, dx, partial, dy_stride, dtotal_stride, total_stride, N, C, steps,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    """Turn tiles of `dy` into `dx`, with `dtotal` added if there is one; sum ``dy t`` into ``partial[p]``."""
    program, programs = tl.program_id(0).to(tl.int64), tl.num_programs(0)
    column = tl.arange(0, COLUMNS)
    w = tl.load(weight + column, mask=column < C, other=0.0)
    dweight = tl.zeros([ROWS, COLUMNS], tl.float32)
    for step in range(steps):
        row = (step * programs + program) * ROWS + tl.arange(0, ROWS)
        inside = (row < N)[:, None] & (column < C)[None, :]
        r = tl.load(rstd + row, mask=row < N, other=0.0)
        t = tl.load(total + row[:, None] * total_stride + column[None, :], mask=inside, other=0.0)
        d = tl.load(dy + row[:, None] * dy_stride + column[None, :], mask=inside, other=0.0)
        t = t.to(tl.float32) * r[:, None]
        d = d.to(tl.float32)
        dweight += d * t
        g = d * w.to(tl.float32)[None, :]
        out = r[:, None] * (g - t * (tl.sum(g * t, axis=1) / C)[:, None])
        if dtotal is not None:
            along = tl.load(dtotal + row[:, None] * dtotal_stride + column[None, :], mask=inside, other=0.0)
            out += along.to(tl.float32)
        tl.store(dx + row[:, None] * C + column[None, :], out.to(dx.dtype.element_ty), mask=inside)
    tl.store(partial + program * C + column, tl.sum(dweight, axis=0), mask=column < C)


@triton.jit
def column_sums(partial, out, P, C, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """Add the `P` rows of `partial` (P, C), in order, a tile of columns a program."""
    column = tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS)
    sums = tl.zeros([ROWS, COLUMNS], tl.float32)
    for first in range(0, P, ROWS):
        row = first + tl.arange(0, ROWS)
        inside = (row < P)[:, None] & (column < C)[None, :]
        sums += tl.load(partial + row[:, None] * C + column[None, :], mask=inside, other=0.0)
    tl.store(out + column, tl.sum(sums, axis=0).to(out.dtype.element_ty), mask=column < C)


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """(N, C), (C,) -> y (N, C), 1 / root mean square of each row (N,)."""
    y, rstd = _empty(x), _floats(x, len(x))
    _forward(x, None, weight, y, None, rstd, eps)
    return y, rstd


def add_rms_norm(x: Tensor, residual: Tensor, weight: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """(N, C), (N, C), (C,) -> y and residual + x (N, C) in residual's dtype, rstd (N,)."""
    y, total, rstd = _empty(residual), _empty(residual), _floats(x, len(x))
    _forward(x, residual, weight, y, total, rstd, eps)
    return y, total, rstd


def rms_norm_backward(dy: Tensor, x: Tensor, weight: Tensor, rstd: Tensor) -> tuple[Tensor, Tensor]:
    """-> dx (N, C), dweight (C,)."""
    return _backward(dy, None, x, weight, rstd)


def add_rms_norm_backward(
    dy: Tensor, dtotal: Tensor, total: Tensor, weight: Tensor, rstd: Tensor
) -> tuple[Tensor, Tensor]:
    """-> d of residual + x (N, C), dweight (C,)."""
    return _backward(dy, dtotal, total, weight, rstd)


def _forward(
    x: Tensor,
    residual: Tensor | None,
    weight: Tensor,
    y: Tensor,
    total: Tensor | None,
    rstd: Tensor,
    eps: float,
) -> None:
    N, C = x.shape
    rows, columns, warps = _tile(N, C)
    stride = 0 if residual is None else residual.stride(0)
    launch(
        rms_norm_forward, (triton.cdiv(N, rows),), x, residual, weight, y, total, rstd, x.stride(0), stride,
        N, C, eps, ROWS=rows, COLUMNS=columns, num_warps=warps,
    )  # fmt: skip


def _backward(
    dy: Tensor, dtotal: Tensor | None, total: Tensor, weight: Tensor, rstd: Tensor
) -> tuple[Tensor, Tensor]:
    N, C = total.shape
    rows, columns, warps = _tile(N, C)
    tiles = triton.cdiv(N, rows)
    programs = min(tiles, PARTIALS)
    dx, dweight, partial = _empty(total), _empty(weight), _floats(total, programs, C)
    stride = 0 if dtotal is None else dtotal.stride(0)
    launch(
        rms_norm_gradient, (programs,), dy, dtotal, total, weight, rstd, dx, partial, dy.stride(0), stride,
        total.stride(0), N, C, triton.cdiv(tiles, programs), ROWS=rows, COLUMNS=columns, num_warps=warps,
    )  # fmt: skip
    launch(
        column_sums, (triton.cdiv(C, 64),), partial, dweight, programs, C, ROWS=32, COLUMNS=64, num_warps=4
    )  # fmt: skip
    return dx, dweight


def _tile(N: int, C: int) -> tuple[int, int, int]:
    if C > WIDEST:
        raise Uncovered(f"x has rows of {C}: the triton backend's RMSNorm holds {WIDEST} elements at most")
    return whole_rows(N, C)


def _empty(x: Tensor) -> Tensor:
    return torch.empty_like(x, memory_format=torch.contiguous_format)


def _floats(x: Tensor, *shape: int) -> Tensor:
    return x.new_empty(shape, dtype=torch.float32)
