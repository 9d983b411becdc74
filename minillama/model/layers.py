"""The parts of a LLaMA block: RMSNorm, attention with grouped queries, SwiGLU, and the block.

Axes: B batch, T query position, S key position, C = dim, H query heads, K key/value heads,
D = head_dim, F = hidden_dim. No layer has a bias, except queries, keys and values where
`attention_bias` asks for it.

References
----------
Touvron et al. 2023, LLaMA, arXiv 2302.13971, section 2.2; grouped queries: Llama 2,
arXiv 2307.09288, section 2.2, after Ainslie et al. 2023, arXiv 2305.13245.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from ..config import LlamaConfig
from ..kernels import ops
from .cache import KVCache


class RMSNorm(nn.Module):
    """Divide each vector by its root mean square, then scale each coordinate by a learnt weight.

    Parameters
    ----------
    dim : int
        Length of the vectors.
    eps : float
        Added to the mean square, inside the root.

    Examples
    --------
    >>> RMSNorm(2, eps=0.0)(torch.tensor([3.0, 4.0])).square().mean().item()  # mean square 1
    1.0
    """

    def __init__(self, dim: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x: Float[Tensor, "*batch C"]) -> Float[Tensor, "*batch C"]:
        """Normalise over the last axis."""
        return ops.rms_norm(x, self.weight, self.eps)


class AddRMSNorm(RMSNorm):
    """Add a branch to the residual stream, and normalise the sum: what stands between two halves of a block.

    One operation, because the sum is read again at once: a fused kernel reads it while it is still at hand.

    Examples
    --------
    >>> normed, stream = AddRMSNorm(2, eps=0.0)(torch.tensor([1.0, 3.0]), torch.tensor([2.0, 1.0]))
    >>> stream.tolist(), normed.square().mean().item()
    ([3.0, 4.0], 1.0)
    """

    def forward(  # type: ignore[override]
        self, x: Float[Tensor, "*batch C"], stream: Float[Tensor, "*batch C"]
    ) -> tuple[Float[Tensor, "*batch C"], Float[Tensor, "*batch C"]]:
        """Return the normalised ``stream + x``, and ``stream + x``."""
        return ops.add_rms_norm(x, stream, self.weight, self.eps)


class Attention(nn.Module):
    r"""Causal self-attention with rotary positions; each key/value head serves H/K query heads.

    query heads      0 1 2 3   4 5 6 7        H = 8
                      \|/|     \|/|
    key/value heads     0         1           K = 2
    """

    def __init__(self, cfg: LlamaConfig) -> None:
        super().__init__()
        self.head_dim = cfg.head_dim
        bias = cfg.attention_bias
        self.wq = nn.Linear(cfg.dim, cfg.n_heads * cfg.head_dim, bias=bias)
        self.wk = nn.Linear(cfg.dim, cfg.n_kv_heads * cfg.head_dim, bias=bias)
        self.wv = nn.Linear(cfg.dim, cfg.n_kv_heads * cfg.head_dim, bias=bias)
        self.wo = nn.Linear(cfg.n_heads * cfg.head_dim, cfg.dim, bias=False)
        self.q_norm = RMSNorm(cfg.head_dim, cfg.norm_eps) if cfg.qk_norm else nn.Identity()
        self.k_norm = RMSNorm(cfg.head_dim, cfg.norm_eps) if cfg.qk_norm else nn.Identity()

    def forward(
        self,
        x: Float[Tensor, "B T C"],
        cos: Float[Tensor, "T D2"],
        sin: Float[Tensor, "T D2"],
        mask: Int[Tensor, "*rows T"] | Bool[Tensor, "*rows T S"] | None,
        cache: KVCache | None = None,
        layer: int = 0,
    ) -> Float[Tensor, "B T C"]:
        """Mix information along the positions that `mask` allows: see `kernels.eager.attention`."""
        q = self.wq(x).unflatten(-1, (-1, self.head_dim))  # (B, T, C) -> (B, T, H, D)
        k = self.wk(x).unflatten(-1, (-1, self.head_dim))  # (B, T, C) -> (B, T, K, D)
        v = self.wv(x).unflatten(-1, (-1, self.head_dim)).transpose(1, 2)  # (B, K, T, D)
        q, k = self.q_norm(q).transpose(1, 2), self.k_norm(k).transpose(1, 2)  # (B, H, T, D), (B, K, T, D)
        q, k = ops.rope(q, k, cos, sin)
        if cache is not None:
            k, v = cache.extend(layer, k, v)  # (B, K, S, D)
        mixed = ops.attention(q, k, v, mask)
        return self.wo(mixed.transpose(1, 2).flatten(2))  # (B, H, T, D) -> (B, T, H*D) -> (B, T, C)


class FeedForward(nn.Module):
    """SwiGLU: ``w_down(silu(w_gate x) * w_up x)``, applied to every position alone."""

    def __init__(self, cfg: LlamaConfig) -> None:
        super().__init__()
        self.w_gate = nn.Linear(cfg.dim, cfg.hidden_dim, bias=False)
        self.w_up = nn.Linear(cfg.dim, cfg.hidden_dim, bias=False)
        self.w_down = nn.Linear(cfg.hidden_dim, cfg.dim, bias=False)

    def forward(self, x: Float[Tensor, "B T C"]) -> Float[Tensor, "B T C"]:
        """Widen to F, gate, and come back to C."""
        return self.w_down(ops.swiglu(self.w_gate(x), self.w_up(x)))


class Block(nn.Module):
    """One layer: attention, then feed-forward, each reading a normalised copy of the residual stream.

    x ──┬── norm ── attention ──(+)──┬── norm ── feed-forward ──(+)──
        └────────────────────────┘   └──────────────────────────┘
    """

    def __init__(self, cfg: LlamaConfig) -> None:
        super().__init__()
        self.attention_norm = RMSNorm(cfg.dim, cfg.norm_eps)
        self.attention = Attention(cfg)
        self.ffn_norm = AddRMSNorm(cfg.dim, cfg.norm_eps)
        self.feed_forward = FeedForward(cfg)

    def forward(
        self,
        x: Float[Tensor, "B T C"],
        cos: Float[Tensor, "T D2"],
        sin: Float[Tensor, "T D2"],
        mask: Int[Tensor, "*rows T"] | Bool[Tensor, "*rows T S"] | None,
        cache: KVCache | None = None,
        layer: int = 0,
    ) -> Float[Tensor, "B T C"]:
        """Add what attention and feed-forward have to say to the residual stream."""
        mixed = self.attention(self.attention_norm(x), cos, sin, mask, cache, layer)
        normed, x = self.ffn_norm(mixed, x)
        return x + self.feed_forward(normed)
