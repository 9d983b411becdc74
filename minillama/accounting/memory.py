"""Bytes: the key/value cache of inference, and what training holds.

Left out: the allocator's own losses, temporary buffers of kernels, and what parallelism shards or repeats.

References
----------
Rajbhandari et al. 2019, ZeRO, arXiv 1910.02054, section 3.1 (16 bytes per parameter); Korthikanti et al.
2022, arXiv 2205.05198, section 4 (activations, layer by layer; there for GPT, here counted for LLaMA).
"""

from __future__ import annotations

from dataclasses import dataclass

from ..config import LlamaConfig
from .parameters import count_parameters


def kv_cache_bytes(cfg: LlamaConfig, batch: int, seq_len: int, dtype_bytes: int = 2) -> int:
    """Return the size of a cache: ``2 L K D`` numbers per token, a key and a value in every layer.

    A sliding window would allow to forget; a cache that does not is counted.

    Parameters
    ----------
    cfg : LlamaConfig
    batch, seq_len : int
        Sequences, and tokens in each.
    dtype_bytes : int
        Bytes per number: 2 for 16 bits.

    Examples
    --------
    >>> [kv_cache_bytes(LlamaConfig.named(f"llama-{name}"), 1, 1) for name in ("2-7b", "2-70b", "3-8b")]
    [524288, 327680, 131072]
    """
    for name, value in (("batch", batch), ("seq_len", seq_len), ("dtype_bytes", dtype_bytes)):
        if value < 0:
            raise ValueError(f"{name} is {value}: expected 0 or more")
    return 2 * cfg.n_layers * cfg.n_kv_heads * cfg.head_dim * batch * seq_len * dtype_bytes


@dataclass(frozen=True)
class TrainingMemory:
    """Bytes that training holds, by part."""

    weights: int
    gradients: int
    optimizer: int
    activations: int

    @property
    def total(self) -> int:
        """All parts together."""
        return self.weights + self.gradients + self.optimizer + self.activations


def training_memory(
    cfg: LlamaConfig,
    batch: int,
    seq_len: int,
    weight_bytes: int = 2,
    gradient_bytes: int = 2,
    optimizer_bytes: int = 12,
    activation_bytes: int = 2,
    recompute: bool = False,
) -> TrainingMemory:
    """Estimate the memory of training with AdamW on one device.

    Parameters
    ----------
    cfg : LlamaConfig
        Without experts.
    batch, seq_len : int
        Sequences in a step, and tokens in each.
    weight_bytes, gradient_bytes, optimizer_bytes : int
        Per parameter. The defaults are mixed precision: 16-bit weights and gradients, and in 32 bits a
        copy of the weights and two moments. All in 32 bits: 4, 4 and 8.
    activation_bytes : int
        Per number kept for the backward pass; the log-probabilities are always kept in 32 bits.
    recompute : bool
        Keep only each block's input, and one block's activations while it is computed again.

    Returns
    -------
    TrainingMemory

    Notes
    -----
    Kept per token and block, with an attention that does not keep the score matrix: ``4 C`` (the residual
    stream and its normalised copy, twice), ``2 H D + 2 K D`` (queries, keys, values, the mixed values) and
    ``4 F`` (gate, its activation, up, their product), and one 32-bit number per head. Then ``2 C + V`` for
    the last norm and the loss.

    Examples
    --------
    >>> cfg = LlamaConfig.named("llama-2-7b")
    >>> need = training_memory(cfg, batch=1, seq_len=4096)
    >>> (need.weights + need.gradients + need.optimizer) // cfg.n_params()
    16
    >>> round(need.activations / 2**30, 1)
    19.3
    """
    if cfg.moe is not None:
        raise ValueError("moe: the memory of experts depends on how they are spread; expected a dense model")
    tokens, C, D = batch * seq_len, cfg.dim, cfg.head_dim
    numbers = 4 * C + 2 * D * (cfg.n_heads + cfg.n_kv_heads) + 4 * cfg.hidden_dim
    block = activation_bytes * numbers + 4 * cfg.n_heads
    blocks = block + cfg.n_layers * C * activation_bytes if recompute else cfg.n_layers * block
    ends = 2 * C * activation_bytes + 4 * cfg.vocab_size
    n = count_parameters(cfg).total
    return TrainingMemory(
        weights=n * weight_bytes,
        gradients=n * gradient_bytes,
        optimizer=n * optimizer_bytes,
        activations=tokens * (blocks + ends),
    )
