"""The C backend: raw functions over C kernels, compiled at first use (`build`), called through ctypes."""

from __future__ import annotations

import torch

DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.float16)
