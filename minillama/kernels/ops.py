"""The operation table: what the model calls, whichever backend runs it.

Each name here is one operation of the forward pass. `minillama.kernels.eager` defines what it
means; `minillama.kernels.use` chooses who computes it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import backend, eager

OPERATIONS = ("rms_norm", "rope", "attention", "swiglu", "cross_entropy")

_TABLE: dict[str, dict[str, Callable[..., Any]]] = {
    "eager": {name: getattr(eager, name) for name in OPERATIONS},
}


def __getattr__(name: str) -> Callable[..., Any]:
    """Look `name` up in the table of the backend in use."""
    if name in OPERATIONS:
        return _TABLE[backend()][name]
    raise AttributeError(f"no operation {name!r}: the table has {', '.join(OPERATIONS)}")
