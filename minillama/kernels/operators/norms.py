"""RMSNorm, and RMSNorm of a sum that the residual stream keeps, as operators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from .. import checks
from .backend import Backend, accumulator, define, like, rows


def rms_norm(backend: Backend) -> Callable[..., Tensor]:
    """Make ``rms_norm(x, weight, eps) -> y``."""
    raw = backend.raw

    def forward(x: Tensor, weight: Tensor, eps: float) -> tuple[Tensor, Tensor]:
        return raw.rms_norm(x, weight, eps)

    def fake(x: Tensor, weight: Tensor, eps: float) -> tuple[Tensor, Tensor]:
        return like(x), x.new_empty(len(x), dtype=accumulator(x.dtype))

    def gradient(dy: Tensor, x: Tensor, weight: Tensor, rstd: Tensor) -> tuple[Tensor, Tensor]:
        return raw.rms_norm_backward(dy, x, weight, rstd)

    def fake_gradient(dy: Tensor, x: Tensor, weight: Tensor, rstd: Tensor) -> tuple[Tensor, Tensor]:
        return like(x), like(weight)

    backward_operator = define(backend, "rms_norm_backward", gradient, fake_gradient)

    def save(ctx: Any, inputs: Any, output: Any) -> None:
        x, weight, _ = inputs
        ctx.save_for_backward(x, weight, output[1])

    def backward(ctx: Any, dy: Tensor, _: Tensor) -> Any:
        return *backward_operator(dy.contiguous(), *ctx.saved_tensors), None

    operator = define(backend, "rms_norm", forward, fake, backward, save)

    def checked(x: Tensor, weight: Tensor, eps: float) -> Tensor:
        checks.rms_norm(x, weight)
        backend.accepts(x=x, weight=weight)
        return operator(rows(x), weight, eps)[0].view(x.shape)

    return checked


def add_rms_norm(backend: Backend) -> Callable[..., tuple[Tensor, Tensor]]:
    """Make ``add_rms_norm(x, residual, weight, eps) -> y, residual + x``."""
    raw = backend.raw

    def forward(x: Tensor, residual: Tensor, weight: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
        return raw.add_rms_norm(x, residual, weight, eps)

    def fake(x: Tensor, residual: Tensor, weight: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
        return like(residual), like(residual), x.new_empty(len(x), dtype=accumulator(residual.dtype))

    def gradient(
        dy: Tensor, dtotal: Tensor, total: Tensor, weight: Tensor, rstd: Tensor
    ) -> tuple[Tensor, Tensor]:
        return raw.add_rms_norm_backward(dy, dtotal, total, weight, rstd)

    def fake_gradient(
        dy: Tensor, dtotal: Tensor, total: Tensor, weight: Tensor, rstd: Tensor
    ) -> tuple[Tensor, Tensor]:
        return like(total), like(weight)

    backward_operator = define(backend, "add_rms_norm_backward", gradient, fake_gradient)

    def save(ctx: Any, inputs: Any, output: Any) -> None:
        x, _, weight, _ = inputs
        _, total, rstd = output
        ctx.dtype = x.dtype
        ctx.save_for_backward(total, weight, rstd)

    def backward(ctx: Any, dy: Tensor, dtotal: Tensor, _: Tensor) -> Any:
        dx, dweight = backward_operator(dy.contiguous(), dtotal.contiguous(), *ctx.saved_tensors)
        return dx.to(ctx.dtype), dx, dweight, None

    operator = define(backend, "add_rms_norm", forward, fake, backward, save)

    def checked(x: Tensor, residual: Tensor, weight: Tensor, eps: float) -> tuple[Tensor, Tensor]:
        checks.add_rms_norm(x, residual, weight)
        backend.accepts(x=x, residual=residual, weight=weight)
        y, total, _ = operator(rows(x), rows(residual), weight, eps)
        return y.view(x.shape), total.view(x.shape)

    return checked
