"""The chapter's model, with the past passed in and returned."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import nn

from minillama.config import LlamaConfig


class RMSNorm(nn.Module):
    """Set the root mean square of each vector to one, then scale."""

    def __init__(self, dim, eps):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x):
        """Normalise the last axis."""
        return F.rms_norm(x, x.shape[-1:], self.weight, self.eps)


class Attention(nn.Module):
    """Causal attention with rotary positions and grouped queries."""

    def __init__(self, cfg):
        super().__init__()
        self.D = cfg.head_dim
        self.wq = nn.Linear(cfg.dim, cfg.n_heads * self.D, bias=False)
        self.wk = nn.Linear(cfg.dim, cfg.n_kv_heads * self.D, bias=False)
        self.wv = nn.Linear(cfg.dim, cfg.n_kv_heads * self.D, bias=False)
        self.wo = nn.Linear(cfg.n_heads * self.D, cfg.dim, bias=False)

    def forward(self, x, cos, sin, past):
        """Return the output and this layer's new past: keys and values, (B, K, S, D) each."""
        q, k, v = (w(x).unflatten(-1, (-1, self.D)).transpose(1, 2) for w in (self.wq, self.wk, self.wv))
        q, k = turned(q, cos, sin), turned(k, cos, sin)
        if past is not None:
            k, v = torch.cat([past[0], k], dim=2), torch.cat([past[1], v], dim=2)  # (B, K, S, D)
        T, S = q.shape[2], k.shape[2]
        seen = torch.ones(T, S, dtype=torch.bool).tril(S - T)
        mixed = F.scaled_dot_product_attention(q, k, v, seen, enable_gqa=True)
        return self.wo(mixed.transpose(1, 2).flatten(2)), (k, v)


class FeedForward(nn.Module):
    """SwiGLU."""

    def __init__(self, cfg):
        super().__init__()
        self.w_gate = nn.Linear(cfg.dim, cfg.hidden_dim, bias=False)
        self.w_up = nn.Linear(cfg.dim, cfg.hidden_dim, bias=False)
        self.w_down = nn.Linear(cfg.hidden_dim, cfg.dim, bias=False)

    def forward(self, x):
        """Widen, gate, come back."""
        return self.w_down(F.silu(self.w_gate(x)) * self.w_up(x))


class Block(nn.Module):
    """Attention and feed-forward, each on a normalised copy of the stream."""

    def __init__(self, cfg):
        super().__init__()
        self.attention_norm = RMSNorm(cfg.dim, cfg.norm_eps)
        self.attention = Attention(cfg)
        self.ffn_norm = RMSNorm(cfg.dim, cfg.norm_eps)
        self.feed_forward = FeedForward(cfg)

    def forward(self, x, cos, sin, past):
        """Return the stream and this layer's new past."""
        branch, past = self.attention(self.attention_norm(x), cos, sin, past)
        x = x + branch
        return x + self.feed_forward(self.ffn_norm(x)), past


class Llama(nn.Module):
    """Embedding, blocks, norm, head."""

    def __init__(self, cfg: LlamaConfig) -> None:
        super().__init__()
        self.cfg = cfg
        self.tok_embeddings = nn.Embedding(cfg.vocab_size, cfg.dim)
        self.layers = nn.ModuleList(Block(cfg) for _ in range(cfg.n_layers))
        self.norm = RMSNorm(cfg.dim, cfg.norm_eps)
        self.output = nn.Linear(cfg.dim, cfg.vocab_size, bias=False)
        if cfg.tie_embeddings:
            self.output.weight = self.tok_embeddings.weight

    def forward(
        self, tokens: Int[torch.Tensor, "B T"], past: list | None = None
    ) -> tuple[Float[torch.Tensor, "B T V"], list]:
        """Return logits and the new past, one (k, v) for each layer."""
        start = 0 if past is None else past[0][0].shape[2]  # positions so far
        x = self.tok_embeddings(tokens)
        cos, sin = angles(self.cfg, start, start + tokens.shape[1], x.dtype)
        news = []
        for i, block in enumerate(self.layers):
            x, new = block(x, cos, sin, past[i] if past else None)
            news.append(new)
        return self.output(self.norm(x)), news


def angles(cfg, start, end, dtype):
    """Cosines and sines of the rotary angles, (T, D/2)."""
    pairs = torch.arange(0, cfg.head_dim, 2, dtype=torch.float64)
    positions = torch.arange(start, end, dtype=torch.float64)
    angle = torch.outer(positions, cfg.rope_theta ** (-pairs / cfg.head_dim))
    return angle.cos().to(dtype), angle.sin().to(dtype)


def turned(x, cos, sin):
    """Rotate the pairs (i, i + D/2)."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)
