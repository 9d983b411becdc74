"""The operation table: what the model calls, whichever backend runs it.

Each name here is one operation. `minillama.kernels.eager` defines what it means; `minillama.kernels.use`
chooses who computes it; `observed` lets one listen.

    ops.rms_norm(x, weight, eps)  ->  table[backend for x's device]["rms_norm"]  ->  eager, C or Triton

A backend may lack an operation; its row then holds the eager one. Where ``auto`` chose the backend, eager
also computes what the fused kernel does not take: another dtype, gaps in the last axis, a mask of booleans.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from . import backend, chosen, eager

OPERATIONS = (
    "rms_norm", "add_rms_norm", "rope", "attention", "swiglu", "cross_entropy", "linear_cross_entropy",
    "paged_attention", "int8_matvec", "int4_matvec", "adamw",
)  # fmt: skip

_TABLE: dict[str, dict[str, Callable[..., Any]]] = {
    "eager": {name: getattr(eager, name) for name in OPERATIONS},
}

_listener: Callable[[str, Any], object] | None = None


def __getattr__(name: str) -> Callable[..., Any]:
    """Look `name` up in the table of the backend in use."""
    if name not in OPERATIONS:
        raise AttributeError(f"no operation {name!r}: the table has {', '.join(OPERATIONS)}")
    operation = _by_device(name) if chosen() == "auto" else _row(chosen())[name]
    return operation if _listener is None else _reporting(name, operation, _listener)


def _by_device(name: str) -> Callable[..., Any]:
    """Return the operation that looks at where its first tensor is, and takes the backend for there.

    The machine's main device is prepared at once, outside of what torch.compile may be tracing.
    """
    _row(backend("cuda" if torch.cuda.is_available() else "cpu"))
    return _chosen_for_each_call(name)


@cache
def _chosen_for_each_call(name: str) -> Callable[..., Any]:
    from .operators import Uncovered

    def run(first: Any, *args: Any, **kwargs: Any) -> Any:
        tensors = (first,) if isinstance(first, Tensor) else first
        fused = _row(backend(tensors[0].device.type if tensors else "cpu"))[name]
        try:
            return fused(first, *args, **kwargs)
        except Uncovered:
            return _row("eager")[name](first, *args, **kwargs)

    return run


def _row(name: str) -> dict[str, Callable[..., Any]]:
    """Return a backend's operations, making them the first time."""
    if name not in _TABLE:
        from .operators import Backend, operators

        module = import_module(f"{__package__}.{'cpu' if name == 'cpp' else 'triton'}")
        fused = Backend(name, module, "cuda" if name == "triton" else "cpu", module.DTYPES)
        _TABLE[name] = _TABLE["eager"] | operators(fused)
    return _TABLE[name]


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
