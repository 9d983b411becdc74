"""GGUF's metadata of a LLaMA and our `LlamaConfig`, both ways.

GGUF's numbers are 32 bits wide. A float is read as the shortest decimal that means it, so that 1e-05 comes
back as 1e-05. LLaMA 3's scaling of rotary positions is not in the metadata: a tensor ``rope_freqs.weight``
holds by how much each of the D/2 frequencies is divided. We write that tensor and, under a key of our own,
the numbers behind it; from a foreign file they are worked out. The original context and both frequency
factors may be multiplied by one number without any effect: ``low_freq_factor`` 1 settles it.

References
----------
``docs/gguf.md`` in ggml-org/ggml; ``conversion/llama.py`` (``rope_freqs``) in ggml-org/llama.cpp.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..config import LlamaConfig
from ..reference.rope import rope_frequencies
from .dtypes import Array
from .errors import CheckpointError

OUR_SCALING = "minillama.rope_scaling"
FIELDS = {
    "vocab_size": "vocab_size", "dim": "embedding_length", "n_layers": "block_count",
    "n_heads": "attention.head_count", "n_kv_heads": "attention.head_count_kv",
    "hidden_dim": "feed_forward_length", "max_seq_len": "context_length",
    "head_dim": "attention.key_length", "rope_theta": "rope.freq_base",
    "norm_eps": "attention.layer_norm_rms_epsilon",
}  # fmt: skip
"""Our fields and the keys behind ``llama.``"""
OPTIONAL = {"head_dim": None, "n_kv_heads": None, "rope_theta": 10_000.0}


def read_metadata_config(
    metadata: Mapping[str, Any], tied: bool, biased: bool, divisors: Array | None
) -> LlamaConfig:
    """Translate metadata, and the tensor of divisors if there is one.

    Parameters
    ----------
    metadata : mapping
    tied, biased : bool
        No output head is among the tensors; biases are.
    divisors : array (D/2,), float32, optional
        ``rope_freqs.weight``.

    Raises
    ------
    CheckpointError
        Without the name of the file, which the caller knows.
    """
    architecture = metadata.get("general.architecture")
    if architecture != "llama":
        raise CheckpointError(f"has the architecture {architecture!r:.40}; expected 'llama'")
    if metadata.get("llama.expert_count"):
        raise CheckpointError(
            f"has {metadata['llama.expert_count']!r:.20} experts; expected none, as in a LLaMA"
        )
    tokens = metadata.get("tokenizer.ggml.tokens")
    values = {ours: metadata.get(f"llama.{key}", OPTIONAL.get(ours)) for ours, key in FIELDS.items()}
    if values["vocab_size"] is None and isinstance(tokens, list):
        values["vocab_size"] = len(tokens)
    missing = [ours for ours, value in values.items() if value is None and ours not in OPTIONAL]
    if missing:
        raise CheckpointError(f"has no llama.{FIELDS[missing[0]]}, which a model's shape needs")
    values = {key: shortest(value) if isinstance(value, float) else value for key, value in values.items()}
    try:
        cfg = LlamaConfig(
            **values, tie_embeddings=tied, attention_bias=biased, rope_scaling=_linear(metadata)
        )
        for key in ("rope.dimension_count", "attention.value_length"):
            width = metadata.get(f"llama.{key}", cfg.head_dim)
            if width != cfg.head_dim:
                raise CheckpointError(
                    f"has llama.{key} {width!r:.40}; expected the width of a head, {cfg.head_dim}"
                )
        if divisors is None:
            return cfg
        with np.errstate(all="ignore"):  # of hostile numbers nothing is left but a comparison that fails
            return cfg.replace(rope_scaling=_llama3(cfg, metadata, divisors))
    except CheckpointError:
        raise
    except (ValueError, TypeError, OverflowError) as error:
        raise CheckpointError(f"describes no model: {error!s:.200}") from None


def config_metadata(cfg: LlamaConfig) -> dict[str, Any]:
    """Return the entries that describe the shape of a model.

    Raises
    ------
    ValueError
        If GGUF's LLaMA has no such shape, or no such number: the text names it.

    Examples
    --------
    >>> config_metadata(LlamaConfig())["llama.rope.freq_base"]
    10000.0
    """
    for name in ("qk_norm", "sliding_window"):
        if getattr(cfg, name):
            raise ValueError(f"{name} is {getattr(cfg, name)}: GGUF's LLaMA has none; use format 'native'")
    table: dict[str, Any] = {"general.architecture": "llama"}
    table |= {f"llama.{key}": getattr(cfg, ours) for ours, key in FIELDS.items()}
    table |= {"llama.attention.value_length": cfg.head_dim, "llama.rope.dimension_count": cfg.head_dim}
    scaling = cfg.rope_scaling
    if scaling is not None and scaling["rope_type"] == "linear":
        table |= {"llama.rope.scaling.type": "linear", "llama.rope.scaling.factor": float(scaling["factor"])}
    elif scaling is not None:
        table[OUR_SCALING] = json.dumps(scaling)
    for key, value in table.items():
        if isinstance(value, float) and shortest(value) != value:
            raise ValueError(f"{key} is {value!r}, and GGUF holds float32: expected {shortest(value)!r}")
        if isinstance(value, int) and value >= 2**32:
            raise ValueError(f"{key} is {value}: expected less than 2**32, as GGUF holds 32 bits")
    return table


def divisors_of(cfg: LlamaConfig) -> Array:
    """Return by how much each frequency is divided, (D/2,) in float32: 1 for the fast ones.

    Examples
    --------
    >>> divisors_of(LlamaConfig.named("llama-3.1-8b"))[[0, -1]]
    array([1., 8.], dtype=float32)
    """
    plain = rope_frequencies(cfg.replace(rope_scaling=None))
    return (plain / rope_frequencies(cfg)).astype(np.float32)


def shortest(value: float) -> float:
    """Return the shortest decimal among the numbers that float32 takes for the same.

    Examples
    --------
    >>> shortest(9.999999747378752e-06)
    1e-05
    """
    return float(str(np.float32(value)))


def _linear(metadata: Mapping[str, Any]) -> dict[str, Any] | None:
    """Read a scaling that the metadata tell."""
    kind = metadata.get("llama.rope.scaling.type", "none")
    factor = metadata.get("llama.rope.scaling.factor", metadata.get("llama.rope.scale_linear", 1.0))
    if kind == "linear" or (kind == "none" and "llama.rope.scale_linear" in metadata and factor != 1.0):
        return {"rope_type": "linear", "factor": shortest(factor)}
    if kind != "none":
        raise CheckpointError(f"has llama.rope.scaling.type {kind!r:.40}; expected none or linear")
    return None


def _llama3(cfg: LlamaConfig, metadata: Mapping[str, Any], divisors: Array) -> dict[str, Any] | None:
    """Find the scaling that gives these divisors: the one written beside them, or one worked out."""
    if divisors.shape != (cfg.head_dim // 2,) or not (np.isfinite(divisors) & (divisors >= 1)).all():
        raise CheckpointError(f"has no {cfg.head_dim // 2} divisors of at least 1 in rope_freqs.weight")
    if cfg.rope_scaling is not None:
        raise CheckpointError("has rope_freqs.weight and a linear scaling; expected one of them")
    ours = metadata.get(OUR_SCALING)
    if ours is None and (divisors == 1).all():
        return None
    scaling = json.loads(ours) if isinstance(ours, str) else _worked_out(cfg, divisors.astype(np.float64))
    if not np.allclose(divisors_of(cfg.replace(rope_scaling=scaling)), divisors, rtol=1e-5, atol=0):
        raise CheckpointError("has divisors in rope_freqs.weight that no scaling of LLaMA 3 gives")
    return scaling


def _worked_out(cfg: LlamaConfig, divisors: Array) -> dict[str, Any]:
    """Solve for the scaling: within the passage, the share that is kept grows linearly with the frequency."""
    factor = float(divisors.max())
    known = {"low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}
    published = {"rope_type": "llama3", "factor": factor, **known}
    if np.allclose(divisors_of(cfg.replace(rope_scaling=published)), divisors, rtol=1e-5, atol=0):
        return published
    turns = rope_frequencies(cfg) / (2 * math.pi)  # per position
    keep = (1 / divisors - 1 / factor) / (1 - 1 / factor)
    inside = (keep > 1e-6) & (keep < 1 - 1e-6)
    if inside.sum() < 2:
        raise CheckpointError("has too few divisors between the largest and 1 to tell LLaMA 3's scaling")
    # turns * context = 1 + keep * (high - 1), hence turns = a + keep * b with a = 1 / context
    line = np.stack([keep[inside], np.ones(inside.sum())], axis=1)
    slope, start = np.linalg.lstsq(line, turns[inside], rcond=None)[0]
    if not (start > 0 and slope > 0):
        raise CheckpointError("has divisors in rope_freqs.weight that no scaling of LLaMA 3 gives")
    return published | {
        "high_freq_factor": shortest(1 + slope / start),
        "original_max_position_embeddings": round(1 / start),
    }
