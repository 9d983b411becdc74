"""Cross-entropy of logits, and of a linear layer whose logits never exist whole, as operators.

The second computes its gradient in the forward pass, chunk by chunk, while the chunk's logits are there:
three matrix products in all, and the logits of one chunk become their own gradient in place. The gradient
with respect to the loss is one number, by which the backward pass only multiplies.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from .. import checks, demand, eager
from .backend import Backend, accumulator, define, like


def cross_entropy(backend: Backend) -> Callable[..., tuple[Tensor, Tensor]]:
    """Make ``cross_entropy(logits, targets, z_loss) -> loss, nats``."""
    raw = backend.raw

    def forward(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        return raw.cross_entropy(logits, targets)

    def fake(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        acc = accumulator(logits.dtype)
        return logits.new_empty(len(logits), dtype=acc), logits.new_empty(len(logits), dtype=acc)

    def gradient(dloss: Tensor, logits: Tensor, targets: Tensor, log_z: Tensor, z_loss: float) -> Tensor:
        out = like(logits)
        raw.cross_entropy_backward(dloss, logits, targets, log_z, z_loss, out)
        return out

    def fake_gradient(dloss: Tensor, logits: Tensor, targets: Tensor, log_z: Tensor, z_loss: float) -> Tensor:
        return like(logits)

    rows_operator = define(backend, "cross_entropy_rows", forward, fake)
    backward_operator = define(backend, "cross_entropy_backward", gradient, fake_gradient)

    def total(logits: Tensor, targets: Tensor, z_loss: float) -> tuple[Tensor, Tensor, Tensor]:
        nats, log_z = rows_operator(logits, targets)
        return *_sums(nats, log_z, targets, z_loss), log_z

    def fake_total(logits: Tensor, targets: Tensor, z_loss: float) -> tuple[Tensor, Tensor, Tensor]:
        nats, log_z = fake(logits, targets)
        return nats.new_empty(()), nats.new_empty(()), log_z

    def save(ctx: Any, inputs: Any, output: Any) -> None:
        logits, targets, ctx.z_loss = inputs
        ctx.save_for_backward(logits, targets, output[2])
        ctx.mark_non_differentiable(output[1], output[2])

    def backward(ctx: Any, dloss: Tensor, *_: Tensor) -> Any:
        logits, targets, log_z = ctx.saved_tensors
        return backward_operator(dloss, logits, targets, log_z, ctx.z_loss), None, None

    operator = define(backend, "cross_entropy", total, fake_total, backward, save)

    def checked(logits: Tensor, targets: Tensor, z_loss: float = 0.0) -> tuple[Tensor, Tensor]:
        checks.cross_entropy(logits, targets)
        backend.accepts(logits=logits, targets=targets)
        loss, nats, _ = operator(logits, targets, z_loss)
        return loss, nats.detach()

    return checked


def linear_cross_entropy(backend: Backend) -> Callable[..., tuple[Tensor, Tensor]]:
    """Make ``linear_cross_entropy(x, weight, targets, z_loss) -> loss, nats``."""

    def forward(
        x: Tensor, weight: Tensor, targets: Tensor, z_loss: float, gradients: bool
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        at_once = min(eager.LOGITS_AT_ONCE, getattr(backend.raw, "LOGITS_AT_ONCE", eager.LOGITS_AT_ONCE))
        return in_chunks(backend.raw, x, weight, targets, z_loss, gradients, at_once)

    def fake(
        x: Tensor, weight: Tensor, targets: Tensor, z_loss: float, gradients: bool
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        loss, nats = (x.new_empty((), dtype=accumulator(x.dtype)) for _ in range(2))
        return loss, nats, *((like(x), like(weight)) if gradients else (x.new_empty(0), x.new_empty(0)))

    def save(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*output[2:])
        ctx.mark_non_differentiable(*output[1:])
        ctx.set_materialize_grads(False)  # else zeros of the weight's size, for an output without gradient

    def backward(ctx: Any, dloss: Tensor, *_: None) -> Any:
        dx, dweight = ctx.saved_tensors
        return (dx * dloss).to(dx.dtype), (dweight * dloss).to(dweight.dtype), None, None, None

    operator = define(backend, "linear_cross_entropy", forward, fake, backward, save)

    def checked(x: Tensor, weight: Tensor, targets: Tensor, z_loss: float = 0.0) -> tuple[Tensor, Tensor]:
        checks.linear_cross_entropy(x, weight, targets)
        if demand.autocast(x):
            dtype = torch.get_autocast_dtype(x.device.type)
            x, weight = x.to(dtype), weight.to(dtype)
        backend.accepts(x=x, weight=weight, targets=targets)
        gradients = torch.is_grad_enabled() and (x.requires_grad or weight.requires_grad)
        loss, nats, _, _ = operator(x, weight, targets, z_loss, gradients)
        return loss, nats.detach()

    return checked


def in_chunks(
    raw: Any, x: Tensor, weight: Tensor, targets: Tensor, z_loss: float, gradients: bool, logits_at_once: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return loss, nats, and the loss's gradients by `x` (N, C) and `weight` (V, C), or two empty tensors.

    Never more than `logits_at_once` logits exist. The weight's gradient is summed in float32 at least.
    """
    acc = accumulator(x.dtype)
    loss, nats = torch.zeros((), dtype=acc, device=x.device), torch.zeros((), dtype=acc, device=x.device)
    one = torch.ones((), dtype=acc, device=x.device)
    dx = like(x) if gradients else x.new_empty(0)
    dweight = torch.zeros_like(weight, dtype=acc) if gradients else x.new_empty(0)
    size = min(len(x), max(1, logits_at_once // len(weight)))
    buffer = x.new_empty(size, len(weight))  # one for all chunks
    for start in range(0, len(x), size):
        piece, wanted = x[start : start + size], targets[start : start + size]
        logits = torch.mm(piece, weight.T, out=buffer[: len(piece)])  # (n, C) -> (n, V)
        rows, log_z = raw.cross_entropy(logits, wanted)
        some_loss, some_nats = _sums(rows, log_z, wanted, z_loss)
        loss, nats = loss + some_loss, nats + some_nats
        if gradients:
            raw.cross_entropy_backward(
                one, logits, wanted, log_z, z_loss, logits
            )  # logits: now their gradient
            torch.mm(logits, weight, out=dx[start : start + size])
            if dweight.dtype == logits.dtype:
                dweight.addmm_(logits.T, piece)
            else:
                dweight += logits.T @ piece
    return loss, nats, dx, dweight.to(weight.dtype) if gradients else dweight


def _sums(nats: Tensor, log_z: Tensor, targets: Tensor, z_loss: float) -> tuple[Tensor, Tensor]:
    """Return the loss and its nats, summed over the counted rows."""
    total = nats.sum()
    if z_loss == 0.0:
        return total, total.clone()
    counted = (targets != eager.IGNORE_INDEX).to(log_z.dtype)  # (N,)
    return total + z_loss * (log_z.square() * counted).sum(), total
