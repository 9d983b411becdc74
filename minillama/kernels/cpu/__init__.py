"""The C backend: raw functions over kernels in C, compiled at first use (`build`) and called through ctypes."""

from __future__ import annotations

import torch

DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.float16)
