"""Products of few rows with a matrix of 8 or 4 bits: each weight is read once, and widened in registers.

    int8   y[n, o] = scale[o] sum_i x[n, i] weight[o, i]
    int4   y[n, o] = sum over blocks of scale[o, block] sum of its 32 x[n, i] (four bits - 8)

To write one token a model multiplies a vector with every matrix it has: two operations a weight, and the time
is what the weights take to arrive. So programs share out the O outputs, each walks along its inputs, and no
matrix of floats exists anywhere:

              ┌─── COLUMNS ───┬───────────────┬─── I ──┐
    OUTPUTS   │       →       │       →       │   →    │  program 0    keeps partial sums for each element
              ├───────────────┼───────────────┼────────┤               of its tile in float32, and adds
              │       →       │       →       │   →    │  program 1    them up once, at the end

Sixteen bytes of a block of int4, loaded at once by one thread, meet the block's inputs i (their low halves)
and i + 16 (their high halves); the block's scale multiplies their sum.

Bytes moved for N rows of x, of b bytes, R = `rows_at_once(N)` of them a program:

    int8   ceil(N / R) (I O + s O)           + ceil(O / OUTPUTS) N I b + N O b       scales of s bytes
    int4   ceil(N / R) (I O / 2 + s I O / 32) + ceil(O / OUTPUTS) N I b + N O b      9/16 of a byte a weight

The middle term is x, which each program reads: caches serve all but the first.
"""

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor

from ..eager import INT4_BLOCK
from .interpreter import interpreted
from .launch import launch

COLUMNS = 512
"""Inputs of a tile of int8: 16 bytes for each thread of a warp. Of int4, twice as many."""
OUTPUTS = 8
"""Outputs of a tile for one row of x; with more rows fewer."""
WARPS = 4
INTERPRETED_OUTPUTS = 256
"""The same in the interpreter, where a program costs nearly the same whatever it holds."""


@triton.jit
def int8_matvec_kernel(
    x, weight, scale, y, x_stride, weight_stride, n_rows, n_outputs, n_inputs,
    ROWS: tl.constexpr, OUTPUTS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    """Write ROWS by OUTPUTS results."""
    o = tl.program_id(0).to(tl.int64) * OUTPUTS + tl.arange(0, OUTPUTS)
    n = tl.program_id(1).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    sums = tl.zeros([ROWS, OUTPUTS, COLUMNS], tl.float32)
    for at in range(0, n_inputs, COLUMNS):
        i = at + tl.arange(0, COLUMNS)
        there = (o < n_outputs)[:, None] & (i < n_inputs)[None, :]
        w = tl.load(weight + o[:, None] * weight_stride + i[None, :], mask=there, other=0).to(tl.float32)
        there = (n < n_rows)[:, None] & (i < n_inputs)[None, :]
        some_x = tl.load(x + n[:, None] * x_stride + i[None, :], mask=there, other=0.0).to(tl.float32)
        sums += some_x[:, None, :] * w[None, :, :]
    s = tl.load(scale + o, mask=o < n_outputs, other=0.0).to(tl.float32)
    found = tl.sum(sums, axis=2) * s[None, :]
    there = (n < n_rows)[:, None] & (o < n_outputs)[None, :]
    tl.store(y + n[:, None] * n_outputs + o[None, :], found.to(y.dtype.element_ty), mask=there)


@triton.jit
def int4_matvec_kernel(
    x, weight, scale, y, x_stride, weight_stride, scale_stride, n_rows, n_outputs, n_blocks,
    ROWS: tl.constexpr, OUTPUTS: tl.constexpr, BLOCKS: tl.constexpr, HALF: tl.constexpr,
):  # fmt: skip
    """Write ROWS by OUTPUTS results, from `n_blocks` blocks of 2 HALF weights each."""
    o = tl.program_id(0).to(tl.int64) * OUTPUTS + tl.arange(0, OUTPUTS)
    n = tl.program_id(1).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    half = tl.arange(0, HALF)
    sums = tl.zeros([ROWS, OUTPUTS, BLOCKS], tl.float32)
    for at in range(0, n_blocks, BLOCKS):
        block = at + tl.arange(0, BLOCKS)
        byte = block[:, None] * HALF + half[None, :]  # (BLOCKS, HALF)
        there = (o < n_outputs)[:, None] & (block < n_blocks)[None, :]
        packed = tl.load(
            weight + o[:, None, None] * weight_stride + byte[None], mask=there[:, :, None], other=0
        )  # (OUTPUTS, BLOCKS, HALF)
        s = tl.load(scale + o[:, None] * scale_stride + block[None, :], mask=there, other=0.0).to(tl.float32)
        first = x + n[:, None, None] * x_stride + (block[:, None] * 2 * HALF + half[None, :])[None]
        there = ((n < n_rows)[:, None] & (block < n_blocks)[None, :])[:, :, None]
        x_low = tl.load(first, mask=there, other=0.0).to(tl.float32)  # (ROWS, BLOCKS, HALF)
        x_high = tl.load(first + HALF, mask=there, other=0.0).to(tl.float32)
        low, high = (packed & 15).to(tl.float32) - 8, (packed >> 4).to(tl.float32) - 8
        products = x_low[:, None] * low[None] + x_high[:, None] * high[None]
        sums += tl.sum(products, axis=3) * s[None]
    there = (n < n_rows)[:, None] & (o < n_outputs)[None, :]
    found = tl.sum(sums, axis=2)
    tl.store(y + n[:, None] * n_outputs + o[None, :], found.to(y.dtype.element_ty), mask=there)


def int8_matvec(x: Tensor, weight: Tensor, scale: Tensor) -> Tensor:
    """(N, I), (O, I) int8, (O,) -> (N, O)."""
    y = x.new_empty(len(x), len(weight))
    grid, tiles = _tiles(*y.shape)
    columns = min(COLUMNS, triton.next_power_of_2(x.shape[1]))
    launch(
        int8_matvec_kernel, grid, x, weight, scale.contiguous(), y, x.stride(0), weight.stride(0),
        *y.shape, x.shape[1], COLUMNS=columns, **tiles,
    )  # fmt: skip
    return y


def int4_matvec(x: Tensor, weight: Tensor, scale: Tensor) -> Tensor:
    """(N, I), (O, I/2) uint8, (O, I/32) -> (N, O)."""
    y = x.new_empty(len(x), len(weight))
    grid, tiles = _tiles(*y.shape)
    blocks = min(2 * COLUMNS // INT4_BLOCK, triton.next_power_of_2(scale.shape[1]))
    launch(
        int4_matvec_kernel, grid, x, weight, scale, y, x.stride(0), weight.stride(0), scale.stride(0),
        *y.shape, scale.shape[1], BLOCKS=blocks, HALF=INT4_BLOCK // 2, **tiles,
    )  # fmt: skip
    return y


def rows_at_once(N: int) -> int:
    """Return how many rows of x a program multiplies with each weight it has loaded.

    Examples
    --------
    >>> rows_at_once(1), rows_at_once(3), rows_at_once(100)
    (1, 4, 4)
    """
    return min(4, triton.next_power_of_2(N))


def _tiles(n_rows: int, n_outputs: int) -> tuple[tuple[int, int], dict[str, int]]:
    rows = rows_at_once(n_rows)
    outputs = INTERPRETED_OUTPUTS if interpreted() else OUTPUTS * 2 // max(2, rows)
    grid = triton.cdiv(n_outputs, outputs), triton.cdiv(n_rows, rows)
    return grid, {"ROWS": rows, "OUTPUTS": outputs, "num_warps": WARPS}
