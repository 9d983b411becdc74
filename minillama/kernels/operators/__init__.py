"""The boundary between PyTorch and hand-written kernels: see `backend` for the idea and the contracts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import attention, elementwise, losses, norms, optimizer, quantized
from .backend import Backend, Uncovered

__all__ = ["Backend", "Uncovered", "operators"]

_MAKERS = {
    "rms_norm": norms.rms_norm,
    "add_rms_norm": norms.add_rms_norm,
    "rope": elementwise.rope,
    "swiglu": elementwise.swiglu,
    "cross_entropy": losses.cross_entropy,
    "linear_cross_entropy": losses.linear_cross_entropy,
    "attention": attention.attention,
    "paged_attention": attention.paged_attention,
    "int8_matvec": quantized.int8_matvec,
    "int4_matvec": quantized.int4_matvec,
    "adamw": optimizer.adamw,
}
_MADE_OF = {"linear_cross_entropy": "cross_entropy"}  # matrix products are PyTorch's


def operators(backend: Backend) -> dict[str, Callable[..., Any]]:
    """Return the table's functions over the raw functions that `backend` has; what it lacks is left out."""
    return {
        name: make(backend)
        for name, make in _MAKERS.items()
        if hasattr(backend.raw, _MADE_OF.get(name, name))
    }
