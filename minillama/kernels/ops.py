"""The operation table: what the model calls, whichever backend runs it.

Each name here is one operation of the forward pass. `minillama.kernels.eager` defines what it
means; `minillama.kernels.use` chooses who computes it; `observed` lets one listen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from . import backend, eager

OPERATIONS = ("rms_norm", "rope", "attention", "swiglu", "cross_entropy")

_TABLE: dict[str, dict[str, Callable[..., Any]]] = {
    "eager": {name: getattr(eager, name) for name in OPERATIONS},
}

_listener: Callable[[str, Any], object] | None = None


def __getattr__(name: str) -> Callable[..., Any]:
    """Look `name` up in the table of the backend in use."""
    if name in OPERATIONS:
        operation = _TABLE[backend()][name]
        return operation if _listener is None else _reporting(name, operation, _listener)
    raise AttributeError(f"no operation {name!r}: the table has {', '.join(OPERATIONS)}")


@contextmanager
def observed(listener: Callable[[str, Any], object]) -> Iterator[None]:
    """Call ``listener(name, output)`` after every operation inside the ``with`` block, whatever the backend.

    For what no module's hook can see: the rotated queries and keys. Every thread's operations are heard.

    Examples
    --------
    >>> import torch
    >>> from minillama.kernels import ops
    >>> with observed(lambda name, output: print(name, tuple(output.shape))):
    ...     product = ops.swiglu(torch.ones(2, 3), torch.ones(2, 3))
    swiglu (2, 3)
    """
    global _listener
    before, _listener = _listener, listener
    try:
        yield
    finally:
        _listener = before


def _reporting(
    name: str, operation: Callable[..., Any], listener: Callable[[str, Any], object]
) -> Callable[..., Any]:
    """Return `operation`, telling `listener` of every output."""

    def run(*args: Any, **kwargs: Any) -> Any:
        output = operation(*args, **kwargs)
        listener(name, output)
        return output

    return run
