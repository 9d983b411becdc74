"""The Triton backend: raw functions over fused GPU kernels, one module for each operation."""

from __future__ import annotations

import torch

DTYPES = (torch.float32, torch.bfloat16, torch.float16)
