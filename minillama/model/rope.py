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
from functools import lru_cache

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


@lru_cache(maxsize=16)
def rope_table(
    cfg: LlamaConfig,
    start: int,
    end: int,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> tuple[Float[Tensor, "T D2"], Float[Tensor, "T D2"]]:
    """Return the cosines and sines of the angles at positions `start` to `end` - 1.

    Parameters
    ----------
    cfg : LlamaConfig
    start, end : int
        Positions, counted from 0.
    dtype, device
        Of the result. The angles themselves are computed in float64: at position 100,000 the fast pairs
        have turned 100,000 radians, and float32 would keep only two digits behind the point.

    Returns
    -------
    cos, sin : tensors, shape (end - start, head_dim / 2)

    Examples
    --------
    >>> cos, sin = rope_table(LlamaConfig(), 5, 8)
    >>> cos.shape, bool(torch.allclose(cos**2 + sin**2, torch.ones(3, 16)))
    (torch.Size([3, 16]), True)
    """
    with torch.inference_mode(False):  # a table kept from a run without gradients must serve one with them
        angles = torch.outer(torch.arange(start, end, dtype=torch.float64), rope_frequencies(cfg))
        return angles.cos().to(device, dtype), angles.sin().to(device, dtype)
