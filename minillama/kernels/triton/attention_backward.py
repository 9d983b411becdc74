"""The way back through flash attention: scores are computed again from q, k and each query's log of sums.

With p = exp(s - lse), which is the softmax itself, and dp = dout v':

    ds = p (dp - delta)                 delta = sum over D of dout out, the mean of dp by p
    dq = scale ds k                     dk = scale ds' q                    dv = p' dout

    attention_delta           attention_dq: along a row        attention_dkv: down a column
    ┌───┐  one number          ┌───┬───┬───┐                    ┌───┬───┬───┐  for each of the G query
    │   │  a query             │ → │ → │   │                    │   │ ↓ │   │  heads that read these keys,
    └───┘                      └───┴───┴───┘                    │   │ ↓ │   │  one after the other

A query's gradient is a sum over keys, a key's a sum over queries (of its G heads). Two kernels, each with its
sum in registers: seven products of tiles instead of five, no atomics, and two runs give the same bits.

Bytes moved, with n_i keys for tile i of queries (as in `attention`) and c_j queries for tile j of keys:

    delta    B H T (2 D b + 4)
    dq       B H (3 T D b + 8 T + sum_i 2 n_i D b)              [+ 4 B H T for `first`]
    dk, dv   B K 4 S D b + B H sum_j c_j (2 D b + 8)            [+ 4 B H sum_j c_j + 4 B K tiles]

References
----------
Dao et al., FlashAttention (2022), appendix B.2 and algorithm 4; Dao, FlashAttention-2 (2023), section 3.1.2.
"""

from __future__ import annotations

import math

import torch
import triton
import triton.language as tl
from torch import Tensor

from .attention import LOG2_E, rows, step, tiling
from .launch import launch


@triton.jit
def attention_delta(
    dout, out, delta, dout_batch, dout_head, dout_row, out_batch, out_head, out_row, H, T,
    M: tl.constexpr, D: tl.constexpr, WIDTH: tl.constexpr,
):  # fmt: skip
    """Sum ``dout out`` over each query's D elements."""
    head, batch = tl.program_id(1).to(tl.int64), tl.program_id(2).to(tl.int64)
    row = tl.program_id(0) * M + tl.arange(0, M)
    d = rows(dout + batch * dout_batch + head * dout_head, row, dout_row, T, D, WIDTH, True).to(tl.float32)
    y = rows(out + batch * out_batch + head * out_head, row, out_row, T, D, WIDTH, True).to(tl.float32)
    tl.store(delta + (batch * H + head) * T + row, tl.sum(d * y, axis=1), mask=row < T)


@triton.jit
def sum_over_keys(
    dq, queries, douts, log_sum, mean, position, begin, k, v, k_stride, v_stride, start, stop, scale,
    N: tl.constexpr, D: tl.constexpr, WIDTH: tl.constexpr, EDGE: tl.constexpr,
):  # fmt: skip
    """Add ``ds k`` of keys `start` to `stop` to dq."""
    for at in range(start, stop, N):
        key = at + tl.arange(0, N)
        keys = rows(k, key, k_stride, stop, D, WIDTH, EDGE)
        s = tl.dot(queries, tl.trans(keys), input_precision="ieee") * scale
        if EDGE:
            seen = key[None, :] <= position[:, None]  # none from `stop` on
            if begin is not None:
                seen = seen & (key[None, :] >= begin[:, None])
            s = tl.where(seen, s, float("-inf"))
        p = tl.exp2(s - log_sum[:, None])
        values = rows(v, key, v_stride, stop, D, WIDTH, EDGE)
        dp = tl.dot(douts, tl.trans(values), input_precision="ieee")
        ds = p * (dp - mean[:, None])
        dq += tl.dot(ds.to(keys.dtype), keys, input_precision="ieee")
    return dq


@triton.jit
def attention_dq(
    dout, q, k, v, first, lse, delta, dq,
    dout_batch, dout_head, dout_row, q_batch, q_head, q_row, k_batch, k_head, k_row, v_batch, v_head, v_row,
    dq_batch, dq_head, dq_row, first_batch, H, G, T, S, scale, log2_scale,
    M: tl.constexpr, N: tl.constexpr, D: tl.constexpr, WIDTH: tl.constexpr,
):  # fmt: skip
    """Write the gradient of one tile of queries of one head."""
    tile = tl.num_programs(0) - 1 - tl.program_id(0)
    head, batch = tl.program_id(1).to(tl.int64), tl.program_id(2).to(tl.int64)
    k += batch * k_batch + head // G * k_head
    v += batch * v_batch + head // G * v_head
    row = tile * M + tl.arange(0, M)
    position = S - T + row
    queries = rows(q + batch * q_batch + head * q_head, row, q_row, T, D, WIDTH, True)
    douts = rows(dout + batch * dout_batch + head * dout_head, row, dout_row, T, D, WIDTH, True)
    at = (batch * H + head) * T + row
    log_sum = tl.load(lse + at, mask=row < T, other=0.0) * 1.4426950408889634
    mean = tl.load(delta + at, mask=row < T, other=0.0)
    begin = None
    low = 0
    if first is not None:
        begin = tl.load(first + batch * first_batch + row, mask=row < T, other=S)
        low = tl.maximum(tl.min(begin, axis=0), 0)
    whole = low + tl.maximum(S - T + tile * M + 1 - low, 0) // N * N
    high = tl.minimum(S - T + tile * M + M, S)
    acc = tl.zeros([M, WIDTH], tl.float32)
    acc = sum_over_keys(
        acc, queries, douts, log_sum, mean, position, begin, k, v, k_row, v_row, low, whole, log2_scale,
        N, D, WIDTH, first is not None,
    )  # fmt: skip
    acc = sum_over_keys(
        acc, queries, douts, log_sum, mean, position, begin, k, v, k_row, v_row, whole, high, log2_scale,
        N, D, WIDTH, True,
    )  # fmt: skip
    column = tl.arange(0, WIDTH)
    to = dq + batch * dq_batch + head * dq_head + row.to(tl.int64)[:, None] * dq_row + column[None, :]
    inside = (row < T)[:, None] & (column < D)[None, :]
    tl.store(to, (acc * scale).to(dq.dtype.element_ty), mask=inside)


@triton.jit
def sum_over_queries(
    dk, dv, keys, values, key, q, dout, first, lse, delta, q_stride, dout_stride, start, stop, T, S, scale,
    M: tl.constexpr, D: tl.constexpr, WIDTH: tl.constexpr, EDGE: tl.constexpr,
):  # fmt: skip
    """Add ``ds' q`` to dk and ``p' dout`` to dv for queries `start` to `stop` of one head."""
    for at in range(start, stop, M):
        row = at + tl.arange(0, M)
        queries = rows(q, row, q_stride, stop, D, WIDTH, True)
        log_sum = tl.load(lse + row, mask=row < stop, other=float("inf"))  # beyond: p is 0
        s = tl.dot(keys, tl.trans(queries), input_precision="ieee") * scale  # (N, M)
        if EDGE:
            seen = key[:, None] <= (S - T + row)[None, :]
            if first is not None:
                seen = seen & (key[:, None] >= tl.load(first + row, mask=row < stop, other=S)[None, :])
            s = tl.where(seen, s, float("-inf"))
        p = tl.exp2(s - (log_sum * 1.4426950408889634)[None, :])
        douts = rows(dout, row, dout_stride, stop, D, WIDTH, True)
        dv += tl.dot(p.to(douts.dtype), douts, input_precision="ieee")
        mean = tl.load(delta + row, mask=row < stop, other=0.0)
        dp = tl.dot(values, tl.trans(douts), input_precision="ieee")
        ds = p * (dp - mean[None, :])
        dk += tl.dot(ds.to(queries.dtype), queries, input_precision="ieee")
    return dk, dv


@triton.jit
def attention_dkv(
    dout, q, k, v, first, last, lse, delta, dk, dv,
    dout_batch, dout_head, dout_row, q_batch, q_head, q_row, k_batch, k_head, k_row, v_batch, v_head, v_row,
    dk_batch, dk_head, dk_row, dv_batch, dv_head, dv_row, first_batch, last_batch, H, G, T, S,
    scale, log2_scale,
    M: tl.constexpr, N: tl.constexpr, D: tl.constexpr, WIDTH: tl.constexpr,
):  # fmt: skip
    """Write the gradients of one tile of keys and values, summed over the G query heads that read them."""
    tile, shared, batch = tl.program_id(0), tl.program_id(1).to(tl.int64), tl.program_id(2).to(tl.int64)
    key = tile * N + tl.arange(0, N)
    keys = rows(k + batch * k_batch + shared * k_head, key, k_row, S, D, WIDTH, True)
    values = rows(v + batch * v_batch + shared * v_head, key, v_row, S, D, WIDTH, True)
    low = tl.maximum(tile * N - (S - T), 0)  # the first query that is not before all of these keys
    high = T
    if first is not None:
        first += batch * first_batch
        high = tl.maximum(tl.load(last + batch * last_batch + tile), low)
    whole = low + (tl.maximum(tile * N + N - 1 - (S - T) - low, 0) + M - 1) // M * M  # then none is
    middle = tl.minimum(whole, high)
    acc_k = tl.zeros([N, WIDTH], tl.float32)
    acc_v = tl.zeros([N, WIDTH], tl.float32)
    for g in range(G):
        head = shared * G + g
        heads_q = q + batch * q_batch + head * q_head
        heads_dout = dout + batch * dout_batch + head * dout_head
        at = (batch * H + head) * T
        acc_k, acc_v = sum_over_queries(
            acc_k, acc_v, keys, values, key, heads_q, heads_dout, first, lse + at, delta + at,
            q_row, dout_row, low, middle, T, S, log2_scale, M, D, WIDTH, True,
        )  # fmt: skip
        acc_k, acc_v = sum_over_queries(
            acc_k, acc_v, keys, values, key, heads_q, heads_dout, first, lse + at, delta + at,
            q_row, dout_row, middle, high, T, S, log2_scale, M, D, WIDTH, first is not None,
        )  # fmt: skip
    column = tl.arange(0, WIDTH)
    inside = (key < S)[:, None] & (column < D)[None, :]
    row = key.to(tl.int64)[:, None]
    to = dk + batch * dk_batch + shared * dk_head + row * dk_row + column[None, :]
    tl.store(to, (acc_k * scale).to(dk.dtype.element_ty), mask=inside)
    to = dv + batch * dv_batch + shared * dv_head + row * dv_row + column[None, :]
    tl.store(to, acc_v.to(dv.dtype.element_ty), mask=inside)


def attention_backward(
    dout: Tensor, q: Tensor, k: Tensor, v: Tensor, first: Tensor | None, out: Tensor, lse: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return dq, dk, dv, strides as of q, k, v."""
    B, H, T, D = q.shape
    K, S = k.shape[1:3]
    dq, dk, dv = torch.empty_like(q), torch.empty_like(k), torch.empty_like(v)
    delta = lse.new_empty(lse.shape)
    scales = 1 / math.sqrt(D), LOG2_E / math.sqrt(D)

    by_query, by_key = tiling("dq", T, S, D, q.dtype), tiling("dkv", T, S, D, q.dtype)
    inputs = *dout.stride()[:3], *q.stride()[:3], *k.stride()[:3], *v.stride()[:3]
    launch(
        attention_delta, (triton.cdiv(T, by_key["M"]), H, B), dout, out, delta,
        *dout.stride()[:3], *out.stride()[:3], H, T,
        M=by_key["M"], D=D, WIDTH=by_key["WIDTH"], num_warps=by_key["num_warps"],
    )  # fmt: skip
    launch(
        attention_dq, (triton.cdiv(T, by_query["M"]), H, B), dout, q, k, v, first, lse, delta, dq,
        *inputs, *dq.stride()[:3],
        step(first), H, H // K, T, S, *scales, **by_query,
    )  # fmt: skip
    last = None if first is None else last_readers(first, S, by_key["N"])
    launch(
        attention_dkv, (triton.cdiv(S, by_key["N"]), K, B), dout, q, k, v, first, last, lse, delta, dk, dv,
        *inputs, *dk.stride()[:3], *dv.stride()[:3], step(first), step(last), H, H // K, T, S,
        *scales, **by_key,
    )  # fmt: skip
    return dq, dk, dv


def last_readers(first: Tensor, S: int, N: int) -> Tensor:
    """Return for each tile of N keys how many queries to go through: none after them begins so early.

    Examples
    --------
    >>> last_readers(torch.tensor([[0, 0, 2, 3]]), S=4, N=2).tolist()
    [[2, 4]]
    """
    least = first.flip(1).cummin(1).values.flip(1).contiguous()  # (1 or B, T): of a query and all later ones
    ends = torch.arange(N, S + N, N, device=first.device, dtype=first.dtype)  # (tiles,)
    return torch.searchsorted(least, ends.expand(len(first), -1).contiguous(), out_int32=True)
