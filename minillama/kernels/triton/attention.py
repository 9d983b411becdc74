"""Flash attention: softmax(q k' / sqrt(D)) v tile by tile; the T x S scores are never stored.

A program holds M queries of one head and walks over the keys that any of them may see, N at a time. With
s = q k' scale of a tile, each query's row keeps three things, put right whenever a larger maximum comes:

    m'  = max(m, max s)         a = exp(m - m')         p = exp(s - m')
    l'  = a l + sum p           acc' = a acc + p v      at last:  out = acc / l,  lse = m + log l

    keys 0 ............. S     #  every query sees every key: no mask
    ┌───┬───┬───┬───┬───┐      /  on the diagonal, or at a window's edge: masked
    │ # │ / │   │   │   │      blank: never loaded. Queries are the last T of the S positions; with
    ├───┼───┼───┼───┼───┤      `first`, what lies before every query's first key is blank too
    │ # │ # │ / │   │   │
    ├───┼───┼───┼───┼───┤      The largest tiles of work start first, so that none is left over at
    │ # │ # │ # │ / │   │      the end.
    └───┴───┴───┴───┴───┘

Query head h reads key/value head ``h // (H / K)``. Bytes moved for elements of b bytes, where tile i needs
n_i = (last position in it) + 1 - (least `first` in it) keys:

    B H (2 T D b + 4 T + sum_i 2 n_i D b)  [+ 4 B H T for `first`]

Without a window sum_i n_i is near T S / M - T**2 / 2M, half of T S / M for T = S. Scores would be
B H T S b, written and read again. The products run in the tensors' dtype and add in float32 (float32 inputs
are not rounded to TF32); the exponentials are powers of two, in float32.

References
----------
Dao et al., FlashAttention (2022), algorithm 1; Dao, FlashAttention-2 (2023), section 3.1; Milakov and
Gimelshein, Online normalizer calculation for softmax (2018), algorithm 3.
"""

from __future__ import annotations

import math

import torch
import triton
import triton.language as tl
from torch import Tensor

from ..operators import Uncovered
from .interpreter import interpreted
from .launch import launch

LOG2_E = math.log2(math.e)
INTERPRETED_TILE = 256
"""Queries and keys of a tile in the interpreter, where a program's cost is nearly the same for any number."""


@triton.jit
def rows(x, row, stride, end, D: tl.constexpr, WIDTH: tl.constexpr, EDGE: tl.constexpr):
    """Load rows of D elements as a tile `WIDTH` wide; on an EDGE, rows from `end` on are zeros."""
    column = tl.arange(0, WIDTH)
    inside = (column < D)[None, :]
    if EDGE:
        inside = inside & (row < end)[:, None]
    return tl.load(x + row.to(tl.int64)[:, None] * stride + column[None, :], mask=inside, other=0.0)


@triton.jit
def attend(
    acc, top, total, queries, position, begin, k, v, k_stride, v_stride, start, stop, scale,
    N: tl.constexpr, D: tl.constexpr, WIDTH: tl.constexpr, EDGE: tl.constexpr,
):  # fmt: skip
    """Take keys `start` to `stop` into acc, top (m) and total (l); on an EDGE a query sees some of them."""
    for at in range(start, stop, N):
        key = at + tl.arange(0, N)
        s = tl.dot(queries, tl.trans(rows(k, key, k_stride, stop, D, WIDTH, EDGE)), input_precision="ieee")
        s = s * scale
        if EDGE:
            seen = (key[None, :] <= position[:, None]) & (key < stop)[None, :]
            if begin is not None:
                seen = seen & (key[None, :] >= begin[:, None])
            s = tl.where(seen, s, float("-inf"))
        larger = tl.maximum(top, tl.max(s, axis=1))
        base = larger
        if EDGE:
            base = tl.where(larger == float("-inf"), 0.0, larger)  # nothing seen yet: exp2(-inf - 0) is 0
        p = tl.exp2(s - base[:, None])
        a = tl.exp2(top - base)
        total = a * total + tl.sum(p, axis=1)
        values = rows(v, key, v_stride, stop, D, WIDTH, EDGE)
        acc = a[:, None] * acc + tl.dot(p.to(values.dtype), values, input_precision="ieee")
        top = larger
    return acc, top, total


@triton.jit
def attention_forward(
    q, k, v, first, out, lse,
    q_batch, q_head, q_row, k_batch, k_head, k_row, v_batch, v_head, v_row, out_batch, out_head, out_row,
    first_batch, H, G, T, S, scale,
    M: tl.constexpr, N: tl.constexpr, D: tl.constexpr, WIDTH: tl.constexpr,
):  # fmt: skip
    """Attend from one tile of queries of one head; `scale` holds log2(e), so that exp2 will do."""
    tile = tl.num_programs(0) - 1 - tl.program_id(0)
    head, batch = tl.program_id(1).to(tl.int64), tl.program_id(2).to(tl.int64)
    k += batch * k_batch + head // G * k_head
    v += batch * v_batch + head // G * v_head
    row = tile * M + tl.arange(0, M)
    position = S - T + row
    queries = rows(q + batch * q_batch + head * q_head, row, q_row, T, D, WIDTH, True)
    begin = None
    low = 0
    if first is not None:
        begin = tl.load(first + batch * first_batch + row, mask=row < T, other=S)
        low = tl.maximum(tl.min(begin, axis=0), 0)
    whole = low + tl.maximum(S - T + tile * M + 1 - low, 0) // N * N  # before it: no key is too late
    high = tl.minimum(S - T + tile * M + M, S)
    acc = tl.zeros([M, WIDTH], tl.float32)
    top = tl.full([M], float("-inf"), tl.float32)
    total = tl.zeros([M], tl.float32)
    acc, top, total = attend(
        acc, top, total, queries, position, begin, k, v, k_row, v_row, low, whole, scale,
        N, D, WIDTH, first is not None,
    )  # fmt: skip
    acc, top, total = attend(
        acc, top, total, queries, position, begin, k, v, k_row, v_row, whole, high, scale, N, D, WIDTH, True
    )
    nothing = total == 0.0  # a query that sees no key gets zeros, and no gradient
    acc = acc / tl.where(nothing, 1.0, total)[:, None]
    log_sum = tl.where(nothing, 0.0, (top + tl.log2(total)) / 1.4426950408889634)
    column = tl.arange(0, WIDTH)
    to = out + batch * out_batch + head * out_head + row.to(tl.int64)[:, None] * out_row + column[None, :]
    tl.store(to, acc.to(out.dtype.element_ty), mask=(row < T)[:, None] & (column < D)[None, :])
    tl.store(lse + (batch * H + head) * T + row, log_sum, mask=row < T)


def attention(q: Tensor, k: Tensor, v: Tensor, first: Tensor | None) -> tuple[Tensor, Tensor]:
    """(B, H, T, D), (B, K, S, D) twice, (1 or B, T) int32 -> out, strides as q's; log of sums (B, H, T)."""
    B, H, T, D = q.shape
    K, S = k.shape[1:3]
    out, lse = torch.empty_like(q), q.new_empty(B, H, T, dtype=torch.float32)
    constants = tiling("forward", T, S, D, q.dtype)
    launch(
        attention_forward, (triton.cdiv(T, constants["M"]), H, B), q, k, v, first, out, lse,
        *q.stride()[:3], *k.stride()[:3], *v.stride()[:3], *out.stride()[:3],
        step(first), H, H // K, T, S, LOG2_E / math.sqrt(D), **constants,
    )  # fmt: skip
    return out, lse


def step(first: Tensor | None) -> int:
    """Return how far apart two sequences' rows of `first` lie: 0 if they share one."""
    return 0 if first is None or len(first) == 1 else first.stride(0)


GPU_TILES = {
    # pass: 16 bits, D <= 64 | 16 bits, D <= 128 | 32 bits, D <= 64 | 32 bits, D <= 128
    "forward": ((128, 64, 4, 3), (128, 32, 8, 2), (64, 32, 8, 2), (32, 16, 8, 2)),
    "dq": ((128, 64, 8, 2), (128, 32, 8, 2), (32, 32, 8, 2), (16, 16, 8, 2)),
    "dkv": ((32, 64, 4, 1), (16, 64, 4, 1), (32, 16, 4, 1), (16, 16, 8, 1)),
}
"""Queries, keys, warps and stages of a program of each pass: what compiles for every GPU without spills."""


def tiling(which: str, T: int, S: int, D: int, dtype: torch.dtype) -> dict[str, int]:
    """Return a launch's constants: tiles of M queries and N keys, heads of D in tiles `WIDTH` wide.

    Examples
    --------
    >>> tiling("forward", 4096, 4096, 128, torch.bfloat16)["M"]
    128
    """
    if D > 128:
        raise Uncovered(f"q has heads of width {D}: the triton backends hold 128 at most; use eager")
    M, N, warps, stages = GPU_TILES[which][2 * (dtype.itemsize > 2) + (D > 64)]
    if interpreted():
        M = N = INTERPRETED_TILE
    M, N = (max(16, min(most, triton.next_power_of_2(n))) for most, n in ((M, T), (N, S)))
    width = max(16, triton.next_power_of_2(D))
    return {"M": M, "N": N, "D": D, "WIDTH": width, "num_warps": warps, "num_stages": stages}
