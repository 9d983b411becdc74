"""The number of parameters, part by part, exact for every published model.

For a plain LLaMA, with C = dim, L = n_layers, H = n_heads, K = n_kv_heads, D = head_dim, F = hidden_dim,
V = vocab_size:

    P = V C  +  L (2 C H D + 2 C K D  +  3 C F  +  2 C)  +  C  +  V C (none if tied)
        embedding   q, output  k, v      gate, up,  norms   norm  output head
                                         down

Vision towers of multimodal models are left out, as they are in the published counts we compare with.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..config import LlamaConfig


@dataclass(frozen=True)
class ParameterCount:
    """Parameters by part; each number is over all layers.

    Attributes
    ----------
    embedding : int
        One row per token.
    attention : int
        Query, key, value and output projections, and biases where there are any.
    feed_forward : int
        Dense feed-forward networks, and experts that every token visits.
    router : int
        The matrices that choose experts.
    experts : int
        Experts that some tokens visit.
    norms : int
        All norm weights, those of queries and keys included.
    output : int
        The output head; 0 if it is the embedding.
    idle : int
        Of `experts`, those that one token does not visit.
    """

    embedding: int
    attention: int
    feed_forward: int
    router: int
    experts: int
    norms: int
    output: int
    idle: int

    @property
    def total(self) -> int:
        """All parameters."""
        parts = self.embedding, self.attention, self.feed_forward, self.router, self.experts, self.norms
        return sum(parts) + self.output

    @property
    def active(self) -> int:
        """Parameters that one token meets: all but the experts that it is not sent to."""
        return self.total - self.idle

    @property
    def non_embedding(self) -> int:
        """All but embedding and output head."""
        return self.total - self.embedding - self.output


def count_parameters(cfg: LlamaConfig) -> ParameterCount:
    """Count the parameters of a model, part by part.

    Parameters
    ----------
    cfg : LlamaConfig

    Returns
    -------
    ParameterCount

    Examples
    --------
    >>> count = count_parameters(LlamaConfig.named("mixtral-8x7b"))
    >>> count.total, count.active
    (46702792704, 12879925248)
    """
    C, L, D = cfg.dim, cfg.n_layers, cfg.head_dim
    heads = cfg.n_heads + 2 * cfg.n_kv_heads  # of queries, keys and values
    biases = heads * D if cfg.attention_bias else 0
    n_moe = 0 if cfg.moe is None else L // cfg.moe.every
    dense = (L - n_moe) * 3 * C * cfg.hidden_dim
    router = experts = idle = 0
    if cfg.moe is not None:
        expert = 3 * C * cfg.moe.hidden_dim
        dense += n_moe * 3 * C * cfg.moe.shared_dim
        router = n_moe * cfg.moe.n_experts * C
        experts = n_moe * cfg.moe.n_experts * expert
        idle = n_moe * (cfg.moe.n_experts - cfg.moe.n_active) * expert
    return ParameterCount(
        embedding=cfg.vocab_size * C,
        attention=L * (C * D * (heads + cfg.n_heads) + biases),
        feed_forward=dense,
        router=router,
        experts=experts,
        norms=L * (2 * C + _qk_norms(cfg)) + C,
        output=0 if cfg.tie_embeddings else cfg.vocab_size * C,
        idle=idle,
    )


def _qk_norms(cfg: LlamaConfig) -> int:
    """Count the weights of one layer's query and key norms."""
    if not cfg.qk_norm or cfg.qk_norm_kind == "unweighted":
        return 0
    if cfg.qk_norm_kind == "per_head":
        return 2 * cfg.head_dim
    return (cfg.n_heads + cfg.n_kv_heads) * cfg.head_dim
