"""Rotary positions of queries and keys together, and SwiGLU, as operators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from .. import checks
from .backend import Backend, define, like, rows


def rope(backend: Backend) -> Callable[..., tuple[Tensor, Tensor]]:
    """Make ``rope(q, k, cos, sin) -> both turned``. Its gradient is the same, turned the other way."""
    raw = backend.raw

    def forward(q: Tensor, k: Tensor, cos: Tensor, sin: Tensor, inverse: bool) -> tuple[Tensor, Tensor]:
        return raw.rope(q, k, cos, sin, inverse)

    def fake(q: Tensor, k: Tensor, cos: Tensor, sin: Tensor, inverse: bool) -> tuple[Tensor, Tensor]:
        return torch.empty_like(q), torch.empty_like(k)

    def save(ctx: Any, inputs: Any, output: Any) -> None:
        _, _, cos, sin, ctx.inverse = inputs
        ctx.save_for_backward(cos, sin)

    def backward(ctx: Any, dq: Tensor, dk: Tensor) -> Any:
        dq, dk = (d if d.stride(-1) == 1 else d.contiguous() for d in (dq, dk))
        return *operator(dq, dk, *ctx.saved_tensors, not ctx.inverse), None, None, None

    operator = define(backend, "rope", forward, fake, backward, save)

    def checked(q: Tensor, k: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor]:
        checks.rope(q, k, cos, sin)
        backend.accepts(q=q, k=k, cos=cos, sin=sin)
        return operator(q, k, cos, sin, False)

    return checked


def swiglu(backend: Backend) -> Callable[..., Tensor]:
    """Make ``swiglu(gate, up) -> gate * sigmoid(gate) * up``."""
    raw = backend.raw

    def forward(gate: Tensor, up: Tensor) -> Tensor:
        return raw.swiglu(gate, up)

    def fake(gate: Tensor, up: Tensor) -> Tensor:
        return like(gate)

    def gradient(dy: Tensor, gate: Tensor, up: Tensor) -> tuple[Tensor, Tensor]:
        return raw.swiglu_backward(dy, gate, up)

    def fake_gradient(dy: Tensor, gate: Tensor, up: Tensor) -> tuple[Tensor, Tensor]:
        return like(gate), like(up)

    backward_operator = define(backend, "swiglu_backward", gradient, fake_gradient)

    def save(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs)

    def backward(ctx: Any, dy: Tensor) -> Any:
        return backward_operator(dy.contiguous(), *ctx.saved_tensors)

    operator = define(backend, "swiglu", forward, fake, backward, save)

    def checked(gate: Tensor, up: Tensor) -> Tensor:
        checks.swiglu(gate, up)
        backend.accepts(gate=gate, up=up)
        return operator(rows(gate), rows(up)).view(gate.shape)

    return checked
