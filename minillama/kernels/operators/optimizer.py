"""AdamW over many tensors in place, as an operator without gradient."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from .. import checks
from .backend import Backend, Uncovered, define


def adamw(backend: Backend) -> Callable[..., None]:
    """Make ``adamw(parameters, gradients, means, squares, step, lr, beta1, beta2, eps, weight_decay)``."""
    raw = backend.raw

    def forward(
        parameters: Sequence[Tensor],
        gradients: Sequence[Tensor],
        means: Sequence[Tensor],
        squares: Sequence[Tensor],
        step: int,
        lr: float,
        beta1: float,
        beta2: float,
        eps: float,
        weight_decay: float,
    ) -> None:
        raw.adamw(parameters, gradients, means, squares, step, lr, beta1, beta2, eps, weight_decay)

    def fake(*arguments: object) -> None:
        return None

    operator = define(backend, "adamw", forward, fake, mutates=("parameters", "means", "squares"))

    @torch.no_grad()
    def checked(
        parameters: Sequence[Tensor],
        gradients: Sequence[Tensor],
        means: Sequence[Tensor],
        squares: Sequence[Tensor],
        step: int,
        lr: float,
        beta1: float,
        beta2: float,
        eps: float,
        weight_decay: float,
    ) -> None:
        checks.adamw(parameters, gradients, means, squares, step)
        for index, tensors in enumerate(zip(parameters, gradients, means, squares, strict=True)):
            names = ("parameters", "gradients", "means", "squares")
            named = {f"{name}[{index}]": t for name, t in zip(names, tensors, strict=True)}
            backend.accepts(**named)
            for name, tensor in named.items():
                if not tensor.is_contiguous():
                    raise Uncovered(f"{name} has strides {tensor.stride()}: expected no gaps")
        operator(
            list(parameters),
            list(gradients),
            list(means),
            list(squares),
            step,
            lr,
            beta1,
            beta2,
            eps,
            weight_decay,
        )

    return checked
