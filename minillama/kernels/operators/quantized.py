"""Products with matrices of 8 and of 4 bits, as operators without gradient."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from .. import checks
from .backend import Backend, define


def int8_matvec(backend: Backend) -> Callable[..., Tensor]:
    """Make ``int8_matvec(x, weight, scale) -> y``."""
    return _matvec(backend, "int8_matvec", checks.int8_matvec)


def int4_matvec(backend: Backend) -> Callable[..., Tensor]:
    """Make ``int4_matvec(x, weight, scale) -> y``."""
    return _matvec(backend, "int4_matvec", checks.int4_matvec)


def _matvec(
    backend: Backend, name: str, check: Callable[[Tensor, Tensor, Tensor], None]
) -> Callable[..., Tensor]:
    raw = getattr(backend.raw, name)

    def forward(x: Tensor, weight: Tensor, scale: Tensor) -> Tensor:
        return raw(x, weight, scale)

    def fake(x: Tensor, weight: Tensor, scale: Tensor) -> Tensor:
        return x.new_empty(len(x), len(weight))

    operator = define(backend, name, forward, fake)

    def checked(x: Tensor, weight: Tensor, scale: Tensor) -> Tensor:
        check(x, weight, scale)
        backend.accepts(x=x, weight=weight, scale=scale)
        return operator(x, weight, scale)

    return checked
