"""Floating-point operations, how well a chip is used, and how long a training run takes.

One multiplication and one addition are two operations, so a matrix of n weights costs 2 n per token; the
backward pass costs twice the forward pass. Two counts are kept apart:

- `flops_per_token` is the convention in which papers state MFU: all N parameters count, and the attention
  scores as if every position saw the whole sequence. Forward ``2 N + 4 L H D T``, training three times that.
- `count_flops` counts the matrix products that happen: no embedding look-up, no norms, and on request
  only the scores that a causal or windowed mask keeps.

References
----------
Chowdhery et al. 2022, PaLM, arXiv 2204.02311, appendix B (MFU and the attention term); Kaplan et al. 2020,
arXiv 2001.08361, section 2.1 (the factor 6). Peak rates: NVIDIA's data sheets, dense.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..config import LlamaConfig
from .parameters import count_parameters

PEAK_FLOPS = {  # dense 16-bit FLOP/s; data sheets that say twice as much assume sparse weights
    "a100": 312e12,
    "h100": 989.4e12,
    "h100-pcie": 756e12,
    "b200": 2250e12,
}
SECONDS_PER_DAY = 86_400


def flops_per_token(cfg: LlamaConfig, seq_len: int, training: bool = True) -> int:
    """Return PaLM's count: ``6 N + 12 L H D T`` per token in training, a third of it forward.

    Parameters
    ----------
    cfg : LlamaConfig
        Of a model with experts, N is what one token meets.
    seq_len : int
        T, in tokens.
    training : bool
        Forward and backward, not forward alone.

    Examples
    --------
    >>> cfg = LlamaConfig.named("llama-1-65b")
    >>> rate = 380 * flops_per_token(cfg, 2048)  # tokens a second on one A100; arXiv 2302.13971, 2.4
    >>> f"{rate / 1e12:.1f} TFLOP/s, {rate / PEAK_FLOPS['a100']:.1%}"
    '155.0 TFLOP/s, 49.7%'
    """
    attention = 4 * cfg.n_layers * cfg.n_heads * cfg.head_dim * _length(seq_len)
    forward = 2 * count_parameters(cfg).active + attention
    return 3 * forward if training else forward


@dataclass(frozen=True)
class FlopCount:
    """FLOPs of the matrix products, by part, for `tokens` tokens.

    Attributes
    ----------
    projections, attention, feed_forward, router, output : int
        Query, key, value and output projections; scores and mixing; feed-forward networks; choosing
        experts; the output head.
    tokens : int
        In the sequence that was counted.
    """

    projections: int
    attention: int
    feed_forward: int
    router: int
    output: int
    tokens: int

    @property
    def total(self) -> int:
        """FLOPs for the whole sequence."""
        return self.projections + self.attention + self.feed_forward + self.router + self.output

    @property
    def per_token(self) -> float:
        """FLOPs per token, the mean over the sequence."""
        return self.total / self.tokens


def count_flops(cfg: LlamaConfig, seq_len: int, training: bool = True, causal: bool = True) -> FlopCount:
    """Count the FLOPs of the matrix products for one sequence.

    Parameters
    ----------
    cfg : LlamaConfig
    seq_len : int
        In tokens.
    training : bool
        Forward and backward (three times forward), not forward alone.
    causal : bool
        Count only the scores that the mask keeps: half of them, fewer with a window. False: all, as a
        kernel that masks afterwards computes them.

    Examples
    --------
    >>> counted = count_flops(LlamaConfig.named("llama-2-7b"), 4096, training=False)
    >>> round(counted.per_token / 1e9, 2), round(counted.attention / counted.total, 3)
    (14.29, 0.075)
    """
    T, C, D = _length(seq_len), cfg.dim, cfg.head_dim
    times = 2 * (3 if training else 1)
    n_moe = 0 if cfg.moe is None else cfg.n_layers // cfg.moe.every
    widths = (cfg.n_layers - n_moe) * cfg.hidden_dim
    router = 0
    if cfg.moe is not None:
        widths += n_moe * (cfg.moe.n_active * cfg.moe.hidden_dim + cfg.moe.shared_dim)
        router = n_moe * C * cfg.moe.n_experts
    scores = sum(_scores(cfg, layer, T) for layer in range(cfg.n_layers)) if causal else cfg.n_layers * T * T
    return FlopCount(
        projections=times * T * cfg.n_layers * C * D * 2 * (cfg.n_heads + cfg.n_kv_heads),
        attention=times * 2 * cfg.n_heads * D * scores,
        feed_forward=times * T * 3 * C * widths,
        router=times * T * router,
        output=times * T * C * cfg.vocab_size,
        tokens=T,
    )


def _scores(cfg: LlamaConfig, layer: int, T: int) -> int:
    """Count the (query, key) pairs that one layer's mask keeps in a sequence of T tokens."""
    without_positions = cfg.nope_every is not None and (layer + 1) % cfg.nope_every == 0
    if cfg.attention_chunk is not None and not without_positions:
        chunks, rest = divmod(T, cfg.attention_chunk)
        return chunks * _triangle(cfg.attention_chunk) + _triangle(rest)
    window = T if cfg.sliding_window is None else min(cfg.sliding_window, T)
    return _triangle(window) + (T - window) * window


def _triangle(n: int) -> int:
    """Count the pairs of a causal mask over n positions."""
    return n * (n + 1) // 2


def _length(seq_len: int) -> int:
    if seq_len < 1:
        raise ValueError(f"seq_len is {seq_len}: expected at least 1 token")
    return seq_len


def mfu(flops_per_token: float, tokens_per_second: float, peak_flops: float) -> float:
    """Return the model FLOPs utilisation: useful FLOP/s over what the chips could do.

    Parameters
    ----------
    flops_per_token : float
        In training; ``6 N`` in some papers, with the attention term in others: say which.
    tokens_per_second : float
        Over all chips.
    peak_flops : float
        FLOP/s of all chips together; `PEAK_FLOPS` has some.

    Examples
    --------
    >>> n = LlamaConfig.named("llama-1-65b").n_params()
    >>> f"{mfu(6 * n, 380, PEAK_FLOPS['a100']):.1%}"
    '47.7%'
    """
    if tokens_per_second < 0 or peak_flops <= 0:
        raise ValueError(f"expected rates above 0: {tokens_per_second} tokens/s, {peak_flops} FLOP/s")
    return flops_per_token * tokens_per_second / peak_flops


def training_days(tokens: float, tokens_per_second: float) -> float:
    """Return the days it takes to train on that many tokens.

    Examples
    --------
    >>> f"{training_days(1.4e12, 380 * 2048):.1f}"  # LLaMA 65B on 2048 A100; the paper says about 21
    '20.8'
    """
    if tokens_per_second <= 0:
        raise ValueError(f"tokens_per_second is {tokens_per_second}: expected more than 0")
    return tokens / tokens_per_second / SECONDS_PER_DAY
