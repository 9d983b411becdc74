"""SwiGLU in one pass: ``gate * sigmoid(gate) * up``, and both its gradients in another.

    y      =  g s u                        with s = sigmoid(g)
    dup    =  dy g s
    dgate  =  dy u s (1 + g (1 - s))       by d(g s)/dg = s + g s (1 - s)

PyTorch runs two kernels forward, which write and read ``silu(gate)`` between them, and keeps that for the
backward pass. Here a program takes a tile of each, and nothing leaves the chip but the results:

    gate  ░░░░████░░░░░░  a row of F       program (row, tile): loads both tiles,
    up    ░░░░████░░░░░░                   computes in float32,
    y     ░░░░████░░░░░░                   stores one.

Bytes moved for each element of b bytes: forward 3 b, backward 5 b, the least that is possible. The backward
pass computes s again: an exponential costs less than two bytes.

References
----------
Shazeer, GLU Variants Improve Transformer (2020), section 2.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from .launch import launch
from .tiles import pieces


@triton.jit
def swiglu_forward(
    gate, up, y, gate_stride, up_stride, N, F, ROWS: tl.constexpr, COLUMNS: tl.constexpr
):  # fmt: skip
    """Write ``gate sigmoid(gate) up`` of a tile to `y`."""
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)[:, None]
    column = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)[None, :]
    inside = (row < N) & (column < F)
    g = tl.load(gate + row * gate_stride + column, mask=inside, other=0.0).to(tl.float32)
    u = tl.load(up + row * up_stride + column, mask=inside, other=0.0).to(tl.float32)
    tl.store(y + row * F + column, (g * tl.sigmoid(g) * u).to(y.dtype.element_ty), mask=inside)


@triton.jit
def swiglu_gradient(
    dy, gate, up, dgate, dup, dy_stride, gate_stride, up_stride, N, F,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    """Write the gradients of a tile to `dgate` and `dup`."""
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)[:, None]
    column = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)[None, :]
    inside = (row < N) & (column < F)
    d = tl.load(dy + row * dy_stride + column, mask=inside, other=0.0).to(tl.float32)
    g = tl.load(gate + row * gate_stride + column, mask=inside, other=0.0).to(tl.float32)
    u = tl.load(up + row * up_stride + column, mask=inside, other=0.0).to(tl.float32)
    s = tl.sigmoid(g)
    dg = d * u * s * (1 + g * (1 - s))
    tl.store(dgate + row * F + column, dg.to(dgate.dtype.element_ty), mask=inside)
    tl.store(dup + row * F + column, (d * g * s).to(dup.dtype.element_ty), mask=inside)


def swiglu(gate: Tensor, up: Tensor) -> Tensor:
    """(N, F) twice -> (N, F)."""
    y = torch.empty_like(gate, memory_format=torch.contiguous_format)
    grid, constants = _tiles(gate)
    launch(swiglu_forward, grid, gate, up, y, gate.stride(0), up.stride(0), *gate.shape, **constants)
    return y


def swiglu_backward(dy: Tensor, gate: Tensor, up: Tensor) -> tuple[Tensor, Tensor]:
    """-> dgate, dup (N, F)."""
    dgate, dup = (torch.empty_like(x, memory_format=torch.contiguous_format) for x in (gate, up))
    grid, constants = _tiles(gate)
    strides = dy.stride(0), gate.stride(0), up.stride(0)
    launch(swiglu_gradient, grid, dy, gate, up, dgate, dup, *strides, *gate.shape, **constants)
    return dgate, dup


def _tiles(gate: Tensor) -> tuple[tuple[int, int], dict[str, int]]:
    N, F = gate.shape
    rows, columns, warps = pieces(N, F)
    constants = {"ROWS": rows, "COLUMNS": columns, "num_warps": warps}
    return (triton.cdiv(N, rows), triton.cdiv(F, columns)), constants
