"""Every operation in plain PyTorch: the specification that other backends are compared with.

Axes: B batch, T query position, S key position, C model width, H query heads, K key/value heads,
D head width, F hidden width of the feed-forward layer, V vocabulary.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

IGNORE_INDEX = -100


def rms_norm(
    x: Float[Tensor, "*batch C"], weight: Float[Tensor, " C"], eps: float
) -> Float[Tensor, "*batch C"]:
    """Return ``x / sqrt(mean(x**2) + eps) * weight``, the mean taken over the last axis."""
    return F.rms_norm(x, (x.shape[-1],), weight, eps)


def rope(
    x: Float[Tensor, "B N T D"], cos: Float[Tensor, "T D2"], sin: Float[Tensor, "T D2"]
) -> Float[Tensor, "B N T D"]:
    """Rotate each pair (i, i + D/2) of `x` by its position's angle: the ``half`` layout, D2 = D/2."""
    first, second = x.chunk(2, dim=-1)  # each (B, N, T, D/2)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)


def attention(
    q: Float[Tensor, "B H T D"],
    k: Float[Tensor, "B K S D"],
    v: Float[Tensor, "B K S D"],
    mask: Bool[Tensor, "*documents T S"] | None,
) -> Float[Tensor, "B H T D"]:
    """Return ``softmax(q k' / sqrt(D)) v``; query head h reads key/value head ``h // (H / K)``.

    `mask` is true where a query may look; None means causal with T = S.
    """
    grouped = k.shape[1] != q.shape[1]
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None, enable_gqa=grouped)


def swiglu(gate: Float[Tensor, "*batch F"], up: Float[Tensor, "*batch F"]) -> Float[Tensor, "*batch F"]:
    """Return ``gate * sigmoid(gate) * up``."""
    return F.silu(gate) * up


def cross_entropy(
    logits: Float[Tensor, "N V"], targets: Int[Tensor, " N"], z_loss: float = 0.0
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Return two sums over the targets that are not -100: their nats, and ``z_loss * (log Z)**2``.

    A target's nats are ``log Z - logit[target]`` with ``Z = sum(exp(logits))``; float32 at least.
    """
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    nats = F.cross_entropy(logits, targets, ignore_index=IGNORE_INDEX, reduction="sum")
    if z_loss == 0.0:
        return nats, nats.new_zeros(())
    counted = (targets != IGNORE_INDEX).to(logits.dtype)  # (N,)
    return nats, z_loss * (logits.logsumexp(-1).square() * counted).sum()
