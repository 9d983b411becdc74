"""The Triton backend: raw functions over fused GPU kernels, one module for each operation."""

from __future__ import annotations

import torch

from .adamw import adamw
from .attention import attention
from .attention_backward import attention_backward
from .cross_entropy import cross_entropy, cross_entropy_backward
from .matvec import int4_matvec, int8_matvec
from .paged_attention import paged_attention
from .rms_norm import add_rms_norm, add_rms_norm_backward, rms_norm, rms_norm_backward
from .rope import rope
from .swiglu import swiglu, swiglu_backward

__all__ = [
    "DTYPES",
    "adamw",
    "add_rms_norm",
    "add_rms_norm_backward",
    "attention",
    "attention_backward",
    "cross_entropy",
    "cross_entropy_backward",
    "int4_matvec",
    "int8_matvec",
    "paged_attention",
    "rms_norm",
    "rms_norm_backward",
    "rope",
    "swiglu",
    "swiglu_backward",
]

DTYPES = (torch.float32, torch.bfloat16, torch.float16)
