"""Rotary positions of queries and keys in one launch; the backward pass is the same, turned back.

    out[i]        =  x[i] cos - x[i + D/2] sin          for i < D/2, cos and sin of the token's position and i
    out[i + D/2]  =  x[i + D/2] cos + x[i] sin          a turn's inverse is its transpose: sin becomes -sin

PyTorch makes the halves, four products and a concatenation of each of q and k. Here a program loads cos and
sin of a tile of tokens once, and takes the tokens' heads one after the other:

                       D/2     D/2
    token 0, head h  ██████  ██████     program (tokens, group of heads):  cos, sin in;
    token 1, head h  ██████  ██████       for h of the group's query heads: both halves in, turned, both out;
      ...            first   second       for h of its key heads: the same

Bytes moved for each element of q and k of b bytes: 2 b; and D/2 cos and sin for each token and group. There
is one group, unless tokens are so few (decoding) that the GPU would idle.

Tensors keep their strides, as (B, T, H, D) seen as (B, H, T, D), where a token's heads lie together.

References
----------
Su et al., RoFormer: Enhanced Transformer with Rotary Position Embedding (2021), section 3.4.2; the pairing of
i with i + D/2 ("half") is that of the Hugging Face checkpoints.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from .interpreter import interpreted
from .launch import launch
from .tiles import budget, warps

PROGRAMS = 512
"""Programs that keep a GPU busy: heads are split into groups until there are as many."""


@triton.jit
def rope_turn(
    q, k, q_out, k_out, cos, sin,
    q_b, q_h, q_t, k_b, k_h, k_t, qo_b, qo_h, qo_t, ko_b, ko_h, ko_t, cos_t, sin_t,
    N, T, H, K, H_GROUP, K_GROUP, HALF: tl.constexpr, INVERSE: tl.constexpr,
    TOKENS: tl.constexpr, PAIRS: tl.constexpr,
):  # fmt: skip
    """Turn a group of heads of `TOKENS` of the N = B T tokens; names ending in _b, _h, _t are strides."""
    token = tl.program_id(0).to(tl.int64) * TOKENS + tl.arange(0, TOKENS)[:, None]
    group = tl.program_id(1)
    b, t = token // T, token % T
    i = tl.arange(0, PAIRS)[None, :]
    inside = (token < N) & (i < HALF)
    c = tl.load(cos + t * cos_t + i, mask=inside, other=0.0).to(tl.float32)
    s = tl.load(sin + t * sin_t + i, mask=inside, other=0.0).to(tl.float32)
    if INVERSE:
        s = -s
    q += b * q_b + t * q_t + i
    k += b * k_b + t * k_t + i
    q_out += b * qo_b + t * qo_t + i
    k_out += b * ko_b + t * ko_t + i
    for head in range(group * H_GROUP, tl.minimum((group + 1) * H_GROUP, H)):
        turn(q, q_h, q_out, qo_h, head, c, s, inside, HALF)
    for head in range(group * K_GROUP, tl.minimum((group + 1) * K_GROUP, K)):
        turn(k, k_h, k_out, ko_h, head, c, s, inside, HALF)


@triton.jit
def turn(x, x_h, out, out_h, head, c, s, inside, HALF: tl.constexpr):
    """Turn one head of the tokens whose rows begin at `x`, by cos c and sin s, to `out`."""
    x += tl.cast(head, tl.int64) * x_h
    out += tl.cast(head, tl.int64) * out_h
    first = tl.load(x, mask=inside, other=0.0).to(tl.float32)
    second = tl.load(x + HALF, mask=inside, other=0.0).to(tl.float32)
    tl.store(out, (first * c - second * s).to(out.dtype.element_ty), mask=inside)
    tl.store(out + HALF, (second * c + first * s).to(out.dtype.element_ty), mask=inside)


def rope(q: Tensor, k: Tensor, cos: Tensor, sin: Tensor, inverse: bool) -> tuple[Tensor, Tensor]:
    """(B, H, T, D), (B, K, T, D), (T, D/2) twice -> both turned (back, if `inverse`), strides kept."""
    B, H, T, D = q.shape
    N, K = B * T, k.shape[1]
    q_out, k_out = torch.empty_like(q), torch.empty_like(k)
    pairs = triton.next_power_of_2(D // 2)
    tokens = max(1, min(budget() // 4 // pairs, triton.next_power_of_2(N)))
    tiles = triton.cdiv(N, tokens)
    groups = _groups(tiles, H)
    strides = [n for x in (q, k, q_out, k_out) for n in x.stride()[:3]]
    launch(
        rope_turn, (tiles, groups), q, k, q_out, k_out, cos, sin, *strides, cos.stride(0), sin.stride(0),
        N, T, H, K, triton.cdiv(H, groups), triton.cdiv(K, groups), HALF=D // 2, INVERSE=inverse,
        TOKENS=tokens, PAIRS=pairs, num_warps=warps(tokens * pairs),
    )  # fmt: skip
    return q_out, k_out


def _groups(tiles: int, heads: int) -> int:
    return 1 if interpreted() else max(1, min(PROGRAMS // tiles, heads))
