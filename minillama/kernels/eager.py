"""Every operation in plain PyTorch: the specification that other backends are compared with.

Axes: B batch, T query position, S key position, C model width, H query heads, K key/value heads,
D head width, F hidden width of the feed-forward layer, V vocabulary, N any number of positions,
I and O inputs and outputs of a matrix.

A result has the dtype of what it replaces; sums inside run in float32 at least. Wrong shapes, dtypes and
devices are ValueErrors, by `minillama.kernels.checks`, before anything runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int, Int8, UInt8
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from . import checks, demand

IGNORE_INDEX = demand.IGNORE_INDEX
LOGITS_AT_ONCE = 2**24
"""Logits that `linear_cross_entropy` holds at a time: 64 MiB in float32, thrice that with their gradient."""
INT4_BLOCK = 32
"""Weights that share a scale in `int4_matvec`."""


def rms_norm(
    x: Float[Tensor, "*batch C"], weight: Float[Tensor, " C"], eps: float
) -> Float[Tensor, "*batch C"]:
    """Return ``x / sqrt(mean(x**2) + eps) * weight``, the mean taken over the last axis."""
    checks.rms_norm(x, weight)
    dtype = torch.promote_types(x.dtype, weight.dtype)
    return F.rms_norm(x.to(dtype), (x.shape[-1],), weight.to(dtype), eps).to(x.dtype)


def add_rms_norm(
    x: Float[Tensor, "*batch C"],
    residual: Float[Tensor, "*batch C"],
    weight: Float[Tensor, " C"],
    eps: float,
) -> tuple[Float[Tensor, "*batch C"], Float[Tensor, "*batch C"]]:
    """Return ``rms_norm(residual + x)`` and ``residual + x``, both in the residual stream's dtype."""
    checks.add_rms_norm(x, residual, weight)
    total = residual + x.to(residual.dtype)
    return rms_norm(total, weight, eps), total


def rope(
    q: Float[Tensor, "B H T D"],
    k: Float[Tensor, "B K T D"],
    cos: Float[Tensor, "T D2"],
    sin: Float[Tensor, "T D2"],
) -> tuple[Float[Tensor, "B H T D"], Float[Tensor, "B K T D"]]:
    """Turn each pair (i, i + D/2) of `q` and `k` by its position's angle: the ``half`` layout, D2 = D/2."""
    checks.rope(q, k, cos, sin)
    return _turned(q, cos, sin), _turned(k, cos, sin)


def _turned(
    x: Float[Tensor, "B N T D"], cos: Float[Tensor, "T D2"], sin: Float[Tensor, "T D2"]
) -> Float[Tensor, "B N T D"]:
    first, second = x.chunk(2, dim=-1)  # each (B, N, T, D/2)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1).to(x.dtype)


def attention(
    q: Float[Tensor, "B H T D"],
    k: Float[Tensor, "B K S D"],
    v: Float[Tensor, "B K S D"],
    mask: Int[Tensor, "*rows T"] | Bool[Tensor, "*rows T S"] | None = None,
) -> Float[Tensor, "B H T D"]:
    """Return ``softmax(q k' / sqrt(D)) v``; query head h reads key/value head ``h // (H / K)``.

    The queries are the last T of the S positions, and none looks ahead. `mask` narrows that:

    None            every key up to one's own
    integers        (T,) or (B, T): the first key that each query may see (windows, packed documents)
    booleans        (..., T, S): true where a query may look, whatever its place. Not in fused kernels
    """
    checks.attention(q, k, v, mask)
    T, S = q.shape[2], k.shape[2]
    causal = mask is None and T == S
    if not causal and (mask is None or mask.dtype != torch.bool):
        mask = visible(mask, T, S, q.device)
    grouped = k.shape[1] != q.shape[1]
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal, enable_gqa=grouped)


def visible(
    first: Int[Tensor, "*rows T"] | None, T: int, S: int, device: torch.device | str = "cpu"
) -> Bool[Tensor, "... T S"]:
    """Return which of S keys each of the last T positions sees, from its `first` key to its own.

    Shaped (T, S), or (B, 1, T, S) where each row of a batch has first keys of its own.

    Examples
    --------
    >>> visible(torch.tensor([0, 1, 2]), 3, 4).int().tolist()
    [[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]]
    """
    key = torch.arange(S, device=device)
    seen = key <= torch.arange(S - T, S, device=device)[:, None]  # (T, S)
    if first is None:
        return seen
    seen = seen & (key >= first[..., None])  # (T, S) or (B, T, S)
    return seen if first.dim() == 1 else seen[:, None]  # (B, 1, T, S): the same for every head


def swiglu(gate: Float[Tensor, "*batch F"], up: Float[Tensor, "*batch F"]) -> Float[Tensor, "*batch F"]:
    """Return ``gate * sigmoid(gate) * up``."""
    checks.swiglu(gate, up)
    return F.silu(gate) * up


def cross_entropy(
    logits: Float[Tensor, "N V"], targets: Int[Tensor, " N"], z_loss: float = 0.0
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Return two sums over the targets that are not -100: the loss, and the nats in it, for reporting.

    A target's nats are ``log Z - logit[target]`` with ``Z = sum(exp(logits))``; its loss is that plus
    ``z_loss * (log Z)**2``. The nats carry no gradient. float32 at least.
    """
    checks.cross_entropy(logits, targets)
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    nats = F.cross_entropy(logits, targets, ignore_index=IGNORE_INDEX, reduction="sum")
    if z_loss == 0.0:
        return nats, nats.detach()
    counted = (targets != IGNORE_INDEX).to(logits.dtype)  # (N,)
    return nats + z_loss * (logits.logsumexp(-1).square() * counted).sum(), nats.detach()


def linear_cross_entropy(
    x: Float[Tensor, "N C"], weight: Float[Tensor, "V C"], targets: Int[Tensor, " N"], z_loss: float = 0.0
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Return `cross_entropy` of the logits ``x weight'``, of which at most `LOGITS_AT_ONCE` exist at a time.

    Each chunk's logits are computed again in the backward pass.
    """
    checks.linear_cross_entropy(x, weight, targets)

    def head(
        some_x: Float[Tensor, "n C"], some_targets: Int[Tensor, " n"]
    ) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
        return cross_entropy(F.linear(some_x, weight), some_targets, z_loss)

    return in_chunks(head, x, targets, len(weight))


def in_chunks(
    head: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]],
    x: Float[Tensor, "N C"],
    targets: Int[Tensor, " N"],
    vocab_size: int,
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Return the sums of both results of ``head(x, targets)`` over pieces of `LOGITS_AT_ONCE` logits each.

    Of a piece nothing is kept but its two sums.
    """
    rows = max(1, LOGITS_AT_ONCE // vocab_size)
    if len(x) <= rows:
        return head(x, targets)
    parts = [
        checkpoint(head, some_x, some_targets, use_reentrant=False)
        for some_x, some_targets in zip(x.split(rows), targets.split(rows), strict=True)
    ]
    losses, nats = zip(*parts, strict=True)
    return torch.stack(losses).sum(), torch.stack(nats).sum()


def paged_attention(
    q: Float[Tensor, "B H D"],
    k_pages: Float[Tensor, "P K page D"],
    v_pages: Float[Tensor, "P K page D"],
    pages: Int[Tensor, "B M"],
    lengths: Int[Tensor, " B"],
) -> Float[Tensor, "B H D"]:
    """Return attention of one new query a sequence over a cache that lies in pages.

    Position s of sequence b is row ``s % page`` of page ``pages[b, s // page]``, for s < ``lengths[b]``.
    """
    checks.paged_attention(q, k_pages, v_pages, pages, lengths)
    page = k_pages.shape[2]
    S = pages.shape[1] * page
    seen = torch.arange(S, device=q.device) < lengths[:, None]  # (B, S)
    pages = pages.where(seen[:, ::page], 0)  # numbers that nobody reads may be anything
    k, v = (
        p[pages].transpose(1, 2).flatten(2, 3).where(seen[:, None, :, None], 0) for p in (k_pages, v_pages)
    )  # (B, M, K, page, D) -> (B, K, S, D)
    grouped = k.shape[1] != q.shape[1]
    return F.scaled_dot_product_attention(
        q[:, :, None], k, v, attn_mask=seen[:, None, None], enable_gqa=grouped
    )[:, :, 0]


def int8_matvec(
    x: Float[Tensor, "N I"], weight: Int8[Tensor, "O I"], scale: Float[Tensor, " O"]
) -> Float[Tensor, "N O"]:
    """Return ``x W'`` with ``W[o, i] = weight[o, i] * scale[o]``: 1 byte a weight."""
    checks.int8_matvec(x, weight, scale)
    return F.linear(x, (weight * scale[:, None]).to(x.dtype))


def int4_matvec(
    x: Float[Tensor, "N I"], weight: UInt8[Tensor, "O half"], scale: Float[Tensor, "O blocks"]
) -> Float[Tensor, "N O"]:
    """Return ``x W'`` with W in blocks of 32 weights of 4 bits and one float16 scale: 0.5625 byte a weight.

    Byte i of a block's 16 holds weight i in its low and weight i + 16 in its high half; a weight is its four
    bits minus 8, times the block's scale. That is GGUF's Q4_0, with scales and bits in two arrays.
    """
    checks.int4_matvec(x, weight, scale)
    blocks = weight.unflatten(-1, (-1, INT4_BLOCK // 2))  # (O, blocks, 16)
    values = torch.cat([blocks & 15, blocks >> 4], dim=-1).to(torch.float32) - 8  # (O, blocks, 32)
    return F.linear(x, (values * scale[..., None]).flatten(1).to(x.dtype))


@torch.no_grad()
def adamw(
    parameters: Sequence[Tensor],
    gradients: Sequence[Tensor],
    means: Sequence[Tensor],
    squares: Sequence[Tensor],
    step: int,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
) -> None:
    """Move `parameters` by one update of AdamW, in place, and its two running averages with them.

    mean   = beta1 mean + (1 - beta1) gradient          square = beta2 square + (1 - beta2) gradient**2
    p      = p (1 - lr weight_decay)
             - lr (mean / (1 - beta1**step)) / (sqrt(square / (1 - beta2**step)) + eps)
    """
    checks.adamw(parameters, gradients, means, squares, step)
    for p, g, mean, square in zip(parameters, gradients, means, squares, strict=True):
        gradient = g.to(mean.dtype)
        mean.lerp_(gradient, 1 - beta1)
        square.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        root = (square / (1 - beta2**step)).sqrt_().add_(eps)
        p.mul_(1 - lr * weight_decay).addcdiv_(mean, root, value=-lr / (1 - beta1**step))
