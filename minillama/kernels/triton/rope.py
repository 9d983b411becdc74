"""Rotary positions of queries and keys in one launch; the backward pass is the same, turned back.

    out[i]        =  x[i] cos - x[i + D/2] sin          for i < D/2, cos and sin of the token's position and i
    out[i + D/2]  =  x[i + D/2] cos + x[i] sin          a turn's inverse is its transpose: sin becomes -sin

PyTorch makes the halves, four products and a concatenation of each of q and k. Here a program takes all heads
of a few tokens, so that it loads their cos and sin once:

               D/2     D/2
    head 0   ██████  ██████     program (tokens):  cos, sin of its tokens, D/2 each,
    head 1   ██████  ██████                        then q, H heads, then k, K heads:
      ...    first   second                        both halves in, turned, both halves out

Bytes moved for each element of q and k of b bytes: 2 b; and D/2 cos and sin for each token.

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

from .launch import launch
from .tiles import budget, warps


@triton.jit
def rope_turn(
    q, k, q_out, k_out, cos, sin,
    q_b, q_h, q_t, k_b, k_h, k_t, qo_b, qo_h, qo_t, ko_b, ko_h, ko_t, cos_t, sin_t, N, T,
    H: tl.constexpr, K: tl.constexpr, HALF: tl.constexpr, INVERSE: tl.constexpr,
    TOKENS: tl.constexpr, H_TILE: tl.constexpr, K_TILE: tl.constexpr, HALF_TILE: tl.constexpr,
):  # fmt: skip
    """Turn all heads of `TOKENS` of the N = B T tokens; names ending in _b, _h, _t are strides."""
    token = tl.program_id(0).to(tl.int64) * TOKENS + tl.arange(0, TOKENS)[:, None, None]
    b, t = token // T, token % T
    i = tl.arange(0, HALF_TILE)[None, None, :]
    inside = (token < N) & (i < HALF)
    c = tl.load(cos + t * cos_t + i, mask=inside, other=0.0).to(tl.float32)
    s = tl.load(sin + t * sin_t + i, mask=inside, other=0.0).to(tl.float32)
    if INVERSE:
        s = -s
    turn_heads(
        q + b * q_b + t * q_t + i, q_h, q_out + b * qo_b + t * qo_t + i, qo_h, c, s, inside, H, HALF, H_TILE
    )
    turn_heads(
        k + b * k_b + t * k_t + i, k_h, k_out + b * ko_b + t * ko_t + i, ko_h, c, s, inside, K, HALF, K_TILE
    )


@triton.jit
def turn_heads(
    x, x_h, out, out_h, c, s, inside, N: tl.constexpr, HALF: tl.constexpr, TILE: tl.constexpr
):  # fmt: skip
    """Turn the `N` heads of the tokens that `x` points at, (TOKENS, 1, HALF_TILE), by cos c and sin s."""
    head = tl.arange(0, TILE)[None, :, None]
    inside = inside & (head < N)
    x += head.to(tl.int64) * x_h
    out += head.to(tl.int64) * out_h
    first = tl.load(x, mask=inside, other=0.0).to(tl.float32)
    second = tl.load(x + HALF, mask=inside, other=0.0).to(tl.float32)
    tl.store(out, (first * c - second * s).to(out.dtype.element_ty), mask=inside)
    tl.store(out + HALF, (second * c + first * s).to(out.dtype.element_ty), mask=inside)


def rope(q: Tensor, k: Tensor, cos: Tensor, sin: Tensor, inverse: bool) -> tuple[Tensor, Tensor]:
    """(B, H, T, D), (B, K, T, D), (T, D/2) twice -> both turned (back, if `inverse`), strides kept."""
    B, H, T, D = q.shape
    q_out, k_out = torch.empty_like(q), torch.empty_like(k)
    tiles = {"H_TILE": H, "K_TILE": k.shape[1], "HALF_TILE": D // 2}
    tiles = {name: triton.next_power_of_2(n) for name, n in tiles.items()}
    pairs = tiles["H_TILE"] * tiles["HALF_TILE"]  # of a token's queries
    tokens = max(1, min(budget() // (2 * pairs), triton.next_power_of_2(B * T)))
    strides = [n for x in (q, k, q_out, k_out) for n in x.stride()[:3]]
    launch(
        rope_turn, (triton.cdiv(B * T, tokens),), q, k, q_out, k_out, cos, sin, *strides,
        cos.stride(0), sin.stride(0), B * T, T, H=H, K=k.shape[1], HALF=D // 2, INVERSE=inverse,
        TOKENS=tokens, **tiles, num_warps=warps(2 * tokens * pairs),
    )  # fmt: skip
    return q_out, k_out
