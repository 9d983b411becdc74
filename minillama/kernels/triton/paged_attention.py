"""Attention of one new token a sequence over a cache in pages, its keys cut among programs (split-K).

One query has nothing to compute with and a whole cache to read: B K programs would leave most of a GPU idle.
So each sequence's keys are cut into parts, a program each, and a second kernel joins what they found:

    pages of a sequence    ┌────┬────┬────┬────┬────┬──┐
    programs               │ part 0  │ part 1  │part 2│   each: out_i (normalised), lse_i of its keys
                           └─────────┴─────────┴──────┘
    attention_join         lse = log sum_i exp(lse_i)       out = sum_i exp(lse_i - lse) out_i

The G = H / K query heads that read the same keys are the rows of one tile, so that the cache is read once
for all of them. How many parts there are follows from shapes alone (no length is looked at before the
launch); how long they are, from the sequence's own length, so that all of its programs end together.

Position s of sequence b is row ``s % page`` of page ``pages[b, s // page]``. Bytes moved for lengths L_b,
elements of b bytes, `parts` programs of which n_b hold keys:

    partial   sum_b (L_b K (2 D b + 4) + n_b H D (b + 4)) + 4 B parts (H + K)
    join      sum_b (4 n_b H D + H D b) + 4 B H parts

The 4 bytes for each key are its page's number, which caches serve: the keys of a page share it.

References
----------
Dao et al., Flash-Decoding for long-context inference (2023); Kwon et al., PagedAttention (2023), section 4.
"""

from __future__ import annotations

import math

import torch
import triton
import triton.language as tl
from torch import Tensor

from ..operators import Uncovered
from .attention import LOG2_E
from .interpreter import interpreted
from .launch import launch

PROGRAMS = 512
"""Programs that keep a GPU busy: sequences are cut until there are as many."""
KEYS = 64
"""Keys of a tile of 16-bit elements; half of it in 32 bits."""
INTERPRETED_KEYS = 512
"""The same in the interpreter, where a program's cost is nearly the same for any number."""


@triton.jit
def paged_attention_partial(
    q, k_pages, v_pages, pages, lengths, partial, sums,
    q_batch, q_head, k_page, k_head, k_row, v_page, v_head, v_row, pages_batch, H, G, page, scale,
    ROWS: tl.constexpr, N: tl.constexpr, D: tl.constexpr, WIDTH: tl.constexpr,
):  # fmt: skip
    """Attend from the G heads that share keys to one part of one sequence's; `scale` holds log2(e)."""
    part, parts = tl.program_id(0), tl.num_programs(0)
    shared, batch = tl.program_id(1).to(tl.int64), tl.program_id(2).to(tl.int64)
    length = tl.load(lengths + batch)
    tiles = tl.cdiv(length, N)
    start = part * tl.cdiv(tiles, parts) * N
    stop = tl.minimum(start + tl.cdiv(tiles, parts) * N, length)
    g, column = tl.arange(0, ROWS), tl.arange(0, WIDTH)
    head = shared * G + g
    wide = (column < D)[None, :]
    inside = (g < tl.where(start < stop, G, 0))[:, None] & wide
    queries = tl.load(q + batch * q_batch + head[:, None] * q_head + column[None, :], mask=inside, other=0.0)
    acc = tl.zeros([ROWS, WIDTH], tl.float32)
    top = tl.full([ROWS], float("-inf"), tl.float32)
    total = tl.zeros([ROWS], tl.float32)
    for at in range(start, stop, N):
        s = at + tl.arange(0, N)
        held = s < stop
        number = tl.load(pages + batch * pages_batch + s // page, mask=held, other=0).to(tl.int64)
        row = (s % page).to(tl.int64)
        there = held[:, None] & wide
        k = k_pages + (number * k_page + shared * k_head + row * k_row)[:, None] + column[None, :]
        keys = tl.load(k, mask=there, other=0.0)
        scores = tl.dot(queries, tl.trans(keys), input_precision="ieee") * scale  # (ROWS, N)
        scores = tl.where(held[None, :], scores, float("-inf"))  # the first key of a tile is always there
        larger = tl.maximum(top, tl.max(scores, axis=1))
        p = tl.exp2(scores - larger[:, None])
        a = tl.exp2(top - larger)
        total = a * total + tl.sum(p, axis=1)
        v = v_pages + (number * v_page + shared * v_head + row * v_row)[:, None] + column[None, :]
        values = tl.load(v, mask=there, other=0.0)
        acc = a[:, None] * acc + tl.dot(p.to(values.dtype), values, input_precision="ieee")
        top = larger
    to = (batch * H + head) * parts + part
    tl.store(partial + to[:, None] * D + column[None, :], acc / total[:, None], mask=inside)
    tl.store(sums + to, top + tl.log2(total), mask=g < G)  # of no keys: -inf


@triton.jit
def attention_join(partial, sums, out, parts, PARTS: tl.constexpr, D: tl.constexpr, WIDTH: tl.constexpr):
    """Join the parts of one head of one sequence: the mean of their results, by the weight of their sums."""
    head = tl.program_id(0).to(tl.int64)
    part, column = tl.arange(0, PARTS), tl.arange(0, WIDTH)
    lse = tl.load(sums + head * parts + part, mask=part < parts, other=float("-inf"))
    largest = tl.max(lse, axis=0)
    weight = tl.exp2(lse - tl.where(largest == float("-inf"), 0.0, largest))
    held = (lse > float("-inf"))[:, None] & (column < D)[None, :]
    found = tl.load(partial + (head * parts + part)[:, None] * D + column[None, :], mask=held, other=0.0)
    sum_of_weights = tl.sum(weight, axis=0)
    joined = tl.sum(weight[:, None] * found, axis=0) / tl.where(sum_of_weights == 0.0, 1.0, sum_of_weights)
    tl.store(out + head * D + column, joined.to(out.dtype.element_ty), mask=column < D)


def paged_attention(q: Tensor, k_pages: Tensor, v_pages: Tensor, pages: Tensor, lengths: Tensor) -> Tensor:
    """(B, H, D), (P, K, page, D) twice, (B, M) int32, (B,) int32 -> (B, H, D), zeros for a length of 0."""
    B, H, D = q.shape
    _, K, page, _ = k_pages.shape
    if D > 128:
        raise Uncovered(f"q has heads of width {D}: the triton backends hold 128 at most; use eager")
    width = max(16, triton.next_power_of_2(D))
    keys = INTERPRETED_KEYS if interpreted() else KEYS * 2 // q.itemsize
    parts = splits(B * K, pages.shape[1] * page, keys)
    out = torch.empty((B, H, D), dtype=q.dtype, device=q.device)
    partial = torch.empty((B, H, parts, D), dtype=torch.float32, device=q.device)
    sums = torch.empty((B, H, parts), dtype=torch.float32, device=q.device)
    launch(
        paged_attention_partial, (parts, K, B), q, k_pages, v_pages, pages, lengths, partial, sums,
        *q.stride()[:2], *k_pages.stride()[:3], *v_pages.stride()[:3], pages.stride(0), H, H // K, page,
        LOG2_E / math.sqrt(D),
        ROWS=max(16, triton.next_power_of_2(H // K)), N=keys, D=D, WIDTH=width,
        num_warps=4 if q.itemsize == 2 else 8, num_stages=2,
    )  # fmt: skip
    launch(
        attention_join, (B * H,), partial, sums, out, parts,
        PARTS=triton.next_power_of_2(parts), D=D, WIDTH=width, num_warps=4,
    )  # fmt: skip
    return out


def splits(sequences: int, longest: int, keys: int = KEYS) -> int:
    """Return into how many parts each of `sequences` (times K heads) of up to `longest` keys is cut.

    Examples
    --------
    >>> splits(8, 4096), splits(8, 32768), splits(4096, 4096)
    (32, 64, 1)
    """
    most = triton.cdiv(longest, 2 * keys)  # two tiles each at least
    return max(1, min(most, triton.cdiv(PROGRAMS, sequences)))
