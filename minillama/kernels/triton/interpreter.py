"""Triton's interpreter, switched on: kernels run block by block in Python, on CPU tensors."""

from __future__ import annotations

import os


def enable() -> None:
    """Make every kernel that is defined from here on interpreted."""
    os.environ["TRITON_INTERPRET"] = "1"
