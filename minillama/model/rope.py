"""Rotary position embeddings: the angles, as cosines and sines per position.

Pair i of a head's D numbers turns by ``position * frequency[i]`` radians, with
``frequency[i] = theta ** (-2 i / D)``. The package holds the ``half`` layout, in which pair i is
(i, i + D/2), as Hugging Face files do; Meta's and GGUF's files are ``interleaved``.

References
----------
Su et al. 2021, "RoFormer", arXiv 2104.09864, section 3.2. LLaMA 3 scaling: Meta's Llama 3.1
reference model code; scaling factors in Llama 3.1 and 3.2's configurations.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from ..config import LlamaConfig


def rope_frequencies(cfg: LlamaConfig) -> Float[Tensor, " D2"]:
    """Return the angle in radians by which each pair turns per position.

    Parameters
    ----------
    cfg : LlamaConfig
        `head_dim`, `rope_theta` and `rope_scaling` are read. A scaling is a dictionary with
        ``rope_type`` ``"linear"`` (positions divided by ``factor``) or ``"llama3"``.

    Returns
    -------
    Tensor of float64, shape (head_dim / 2,)

    Raises
    ------
    ValueError
        If the scaling's type is not known.

    Examples
    --------
    >>> rope_frequencies(LlamaConfig(dim=16, n_heads=4, n_kv_heads=4, rope_theta=100.0)).tolist()
    [1.0, 0.1]
    """
    exponents = torch.arange(0, cfg.head_dim, 2, dtype=torch.float64) / cfg.head_dim
    frequencies = cfg.rope_theta**-exponents
    scaling = cfg.rope_scaling
    if scaling is None:
        return frequencies
    kind = scaling.get("rope_type")
    if kind == "linear":
        return frequencies / scaling["factor"]
    if kind == "llama3":
        return _llama3(frequencies, **{k: v for k, v in scaling.items() if k != "rope_type"})
    raise ValueError(f"rope_scaling has rope_type {kind!r}: expected 'linear' or 'llama3'")


def _llama3(
    frequencies: Float[Tensor, " D2"],
    factor: float,
    low_freq_factor: float,
    high_freq_factor: float,
    original_max_position_embeddings: int,
) -> Float[Tensor, " D2"]:
    """Slow pairs are divided by `factor`, fast ones kept, with a smooth passage between."""
    turns = original_max_position_embeddings * frequencies / (2 * math.pi)  # in the original context
    if high_freq_factor == low_freq_factor:
        keep = (turns >= low_freq_factor).to(frequencies.dtype)
    else:
        keep = ((turns - low_freq_factor) / (high_freq_factor - low_freq_factor)).clamp(0, 1)
    return (1 - keep) * frequencies / factor + keep * frequencies


def rope_table(cfg: LlamaConfig) -> tuple[Float[Tensor, "S D2"], Float[Tensor, "S D2"]]:
    """Return cosines and sines for positions 0 to max_seq_len - 1, each (max_seq_len, head_dim / 2).

    Computed in float64, returned in float32.
    """
    positions = torch.arange(cfg.max_seq_len, dtype=torch.float64)
    angles = torch.outer(positions, rope_frequencies(cfg))
    return angles.cos().float(), angles.sin().float()
