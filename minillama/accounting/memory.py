"""Bytes: the key/value cache of inference, and what each GPU holds in training.

Left out: the allocator's own losses, temporary buffers of kernels and of communication.

References
----------
Rajbhandari et al. 2019, ZeRO, arXiv 1910.02054, sections 3.1 and 5 (16 bytes per parameter, and how they are
shared out); Korthikanti et al. 2022, arXiv 2205.05198, section 4 (activations, layer by layer; there for GPT,
here counted for LLaMA).
"""

from __future__ import annotations

from dataclasses import dataclass

from ..config import LlamaConfig
from ..fields import whole_number
from .layout import MIXED, Layout, Precision
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
    """Bytes on one GPU, by part.

    Attributes
    ----------
    weights, gradients, optimizer : int
        This GPU's share of each.
    gathered : int
        What sharded weights and gradients need whole for a moment: two blocks' weights (the one at work and
        the next), embedding, head and last norm, and one block's gradients.
    activations : int
        Kept from the forward pass for the backward pass.
    logits : int
        Log-probabilities and their gradient, in 32 bits.
    """

    weights: int
    gradients: int
    optimizer: int
    gathered: int
    activations: int
    logits: int

    @property
    def total(self) -> int:
        """All parts together."""
        held = self.weights + self.gradients + self.optimizer + self.gathered
        return held + self.activations + self.logits


def training_memory(
    cfg: LlamaConfig,
    batch: int,
    seq_len: int,
    layout: Layout = Layout(),  # noqa: B008 - frozen
    precision: Precision = MIXED,
    logits_at_once: int | None = None,
) -> TrainingMemory:
    """Estimate the memory that training with AdamW takes on each GPU.

    With t = `layout.tensor`, d = `layout.data`, N parameters, of which the norms are on all t GPUs:

    - state: ``n = norms + (N - norms) / t`` parameters, at the precision's bytes each; optimiser, gradients,
      weights divided by d from ZeRO's stage 1, 2, 3 on.
    - activations, per token: in each block ``4 C`` numbers (the stream and its normalised copy, twice),
      ``2 H D + 2 K D`` (queries, keys, values, the mixed values), ``4 F`` (gate, its activation, up, their
      product), and a 32-bit number per head (attention keeps no score matrix); ``2 C`` for the last norm.
      All divided by t. Recomputing: ``C`` in each block, and one whole block.
    - logits, per token: ``2 V`` 32-bit numbers, divided by t.

    Parameters
    ----------
    cfg : LlamaConfig
        Without experts.
    batch, seq_len : int
        Sequences that a replica takes at once, and tokens in each.
    layout : Layout
        Default: one GPU.
    precision : Precision
        Default: mixed, 16 bytes per parameter.
    logits_at_once : int, optional
        A loss in chunks, as `minillama.Llama.loss`, holds no more than so many. Default: all of them.

    Returns
    -------
    TrainingMemory

    Examples
    --------
    >>> cfg = LlamaConfig.named("llama-2-7b")
    >>> need = training_memory(cfg, batch=1, seq_len=4096)
    >>> (need.weights + need.gradients + need.optimizer) // cfg.n_params()
    16
    >>> [round(part / 1e9, 1) for part in (need.activations, need.logits)]
    [20.2, 1.0]
    >>> shared = training_memory(cfg, batch=1, seq_len=4096, layout=Layout(data=8, zero=3))
    >>> [round(part / 1e9, 1) for part in (need.total, shared.total)]
    [129.1, 36.5]
    """
    if cfg.moe is not None:
        raise ValueError("moe: the memory of experts depends on how they are spread; expected a dense model")
    tokens = whole_number("batch", batch, 1) * whole_number("seq_len", seq_len, 1)
    count, t = count_parameters(cfg), layout.tensor
    n = count.norms + _share(count.total - count.norms, t)
    shared_from = {stage: layout.data if layout.zero >= stage else 1 for stage in (1, 2, 3)}
    kept = tokens * activation_bytes_per_token(cfg, precision, layout.recompute)
    logits = tokens * cfg.vocab_size
    return TrainingMemory(
        weights=_share(n * precision.weights, shared_from[3]),
        gradients=_share(n * precision.gradients, shared_from[2]),
        optimizer=_share(n * precision.optimizer, shared_from[1]),
        gathered=_gathered(cfg, layout, precision),
        activations=_share(kept, t),
        logits=_share(8 * min(logits, logits if logits_at_once is None else logits_at_once), t),
    )


def activation_bytes_per_token(
    cfg: LlamaConfig, precision: Precision = MIXED, recompute: bool = False
) -> int:
    """Return what the forward pass keeps of one token, over all blocks, before anything is shared.

    Examples
    --------
    >>> cfg = LlamaConfig.named("llama-1-65b")
    >>> [round(activation_bytes_per_token(cfg, recompute=again) / 1e6, 2) for again in (False, True)]
    [24.63, 1.65]
    """
    C, D = cfg.dim, cfg.head_dim
    numbers = 4 * C + 2 * D * (cfg.n_heads + cfg.n_kv_heads) + 4 * cfg.hidden_dim
    block = precision.activations * numbers + 4 * cfg.n_heads
    inputs = cfg.n_layers * C * precision.activations
    return (inputs + block if recompute else cfg.n_layers * block) + 2 * C * precision.activations


def _gathered(cfg: LlamaConfig, layout: Layout, precision: Precision) -> int:
    """Count what must be whole for a moment on each GPU where the replicas share gradients or weights."""
    if layout.data == 1 or layout.zero < 2:
        return 0
    count, one = count_parameters(cfg), count_parameters(cfg.replace(n_layers=1))
    block = one.non_embedding - cfg.dim
    gradients = _share(block, layout.tensor) * precision.gradients
    if layout.zero == 2:
        return gradients
    ends = count.embedding + count.output + cfg.dim
    return gradients + _share(2 * block + ends, layout.tensor) * precision.weights


def _share(whole: int, among: int) -> int:
    """Divide, rounding up."""
    return -(-whole // among)
