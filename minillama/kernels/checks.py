"""What the operations demand of their arguments: one clear ValueError, before anything runs.

Each function bears the name of an operation and takes its tensors. All backends call them; the fused ones
demand more (`unit_stride`). Every message is "<what was given>: expected <what was not>".

Values (targets, pages, lengths) are looked at on a CPU alone: on a GPU that would wait for all that was
started before, and inside torch.compile it would break the graph. There a target that is no token makes
Triton's loss NaN, and a page that does not exist is memory that is not the cache's.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from . import demand


def rms_norm(x: Tensor, weight: Tensor) -> None:
    """Check the arguments of `rms_norm`."""
    demand.floats(x=x, weight=weight)
    demand.not_empty(x=x)
    demand.shape("weight", weight, (x.shape[-1],), "x's last axis")
    demand.same_device(x=x, weight=weight)


def add_rms_norm(x: Tensor, residual: Tensor, weight: Tensor) -> None:
    """Check the arguments of `add_rms_norm`."""
    demand.floats(x=x, residual=residual)
    demand.shape("residual", residual, tuple(x.shape), "x")
    demand.same_device(x=x, residual=residual)
    rms_norm(x, weight)


def rope(q: Tensor, k: Tensor, cos: Tensor, sin: Tensor) -> None:
    """Check the arguments of `rope`."""
    demand.floats(q=q, k=k, cos=cos, sin=sin)
    demand.axes("q", q, "(B, H, T, D)")
    demand.axes("k", k, "(B, K, T, D)")
    demand.not_empty(q=q, k=k)
    B, _, T, D = q.shape
    if D % 2:
        raise ValueError(f"q has heads of width {D}: expected an even width, since rope turns pairs")
    demand.shape("k", k, (B, k.shape[1], T, D), "q")
    demand.shape("cos", cos, (T, D // 2), "q's positions and pairs")
    demand.shape("sin", sin, (T, D // 2), "q's positions and pairs")
    demand.same_dtype(q=q, k=k)
    demand.same_device(q=q, k=k, cos=cos, sin=sin)


def attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> None:
    """Check the arguments of `attention`."""
    demand.floats(q=q, k=k, v=v)
    for name, tensor, axes in (("q", q, "(B, H, T, D)"), ("k", k, "(B, K, S, D)"), ("v", v, "(B, K, S, D)")):
        demand.axes(name, tensor, axes)
    demand.not_empty(q=q, k=k, v=v)
    B, H, T, D = q.shape
    K, S = k.shape[1:3]
    demand.shape("k", k, (B, K, S, D), "q")
    demand.shape("v", v, (B, K, S, D), "k")
    demand.groups(H, K)
    if T > S:
        raise ValueError(f"q has {T} positions: expected {S} at most, k's, of which they are the last")
    demand.same_dtype(q=q, k=k, v=v)
    demand.same_device(q=q, k=k, v=v, **({} if mask is None else {"mask": mask}))
    if mask is None:
        return
    given = f"mask has shape {tuple(mask.shape)}"
    if mask.dtype == torch.bool:
        if mask.shape[-2:] != (T, S) or not demand.broadcasts(mask.shape[:-2], (B, H)):
            raise ValueError(f"{given}: expected (..., {T}, {S}), with nothing before it but {B}, {H} or 1")
    elif mask.dtype not in demand.INTEGERS:
        raise ValueError(f"mask has dtype {mask.dtype}: expected torch.bool, torch.int64 or torch.int32")
    elif tuple(mask.shape) not in ((T,), (B, T), (1, T)):
        raise ValueError(f"{given}: expected ({T},) or ({B}, {T}), a first key a query")


def swiglu(gate: Tensor, up: Tensor) -> None:
    """Check the arguments of `swiglu`."""
    demand.floats(gate=gate, up=up)
    demand.not_empty(gate=gate)
    demand.shape("up", up, tuple(gate.shape), "gate")
    demand.same_dtype(gate=gate, up=up)
    demand.same_device(gate=gate, up=up)


def cross_entropy(logits: Tensor, targets: Tensor) -> None:
    """Check the arguments of `cross_entropy`."""
    demand.floats(logits=logits)
    demand.axes("logits", logits, "(N, V)")
    demand.not_empty(logits=logits)
    demand.same_device(logits=logits, targets=targets)
    demand.targets(targets, len(logits), logits.shape[1], "logits")


def linear_cross_entropy(x: Tensor, weight: Tensor, targets: Tensor) -> None:
    """Check the arguments of `linear_cross_entropy`."""
    demand.floats(x=x, weight=weight)
    demand.axes("x", x, "(N, C)")
    demand.axes("weight", weight, "(V, C)")
    demand.not_empty(x=x, weight=weight)
    demand.shape("weight", weight, (len(weight), x.shape[1]), "x's last axis")
    if not demand.autocast(x):
        demand.same_dtype(x=x, weight=weight)
    demand.same_device(x=x, weight=weight, targets=targets)
    demand.targets(targets, len(x), len(weight), "x")


def paged_attention(q: Tensor, k_pages: Tensor, v_pages: Tensor, pages: Tensor, lengths: Tensor) -> None:
    """Check the arguments of `paged_attention`."""
    demand.floats(q=q, k_pages=k_pages, v_pages=v_pages)
    demand.axes("q", q, "(B, H, D)")
    demand.axes("k_pages", k_pages, "(P, K, page, D)")
    demand.not_empty(q=q, k_pages=k_pages, pages=pages)
    B, H, D = q.shape
    P, K, page, _ = k_pages.shape
    demand.shape("k_pages", k_pages, (P, K, page, D), "q's head width")
    demand.shape("v_pages", v_pages, (P, K, page, D), "k_pages")
    demand.groups(H, K)
    demand.integers(pages=pages, lengths=lengths)
    demand.axes("pages", pages, "(B, M)")
    demand.shape("pages", pages, (B, pages.shape[1]), "q's batch")
    demand.shape("lengths", lengths, (B,), "q's batch")
    demand.same_dtype(q=q, k_pages=k_pages, v_pages=v_pages)
    demand.same_device(q=q, k_pages=k_pages, v_pages=v_pages, pages=pages, lengths=lengths)
    if demand.at_hand(pages):
        demand.within("lengths", lengths, pages.shape[1] * page, "positions that its pages hold")
        read = page * torch.arange(pages.shape[1]) < lengths[:, None]  # (B, M)
        demand.within("pages", pages, P - 1, "pages that there are", read)


def int8_matvec(x: Tensor, weight: Tensor, scale: Tensor) -> None:
    """Check the arguments of `int8_matvec`."""
    _matvec(x, weight, scale, torch.int8)
    demand.shape("weight", weight, (len(weight), x.shape[1]), "x's last axis")
    demand.shape("scale", scale, (len(weight),), "weight's rows")


def int4_matvec(x: Tensor, weight: Tensor, scale: Tensor) -> None:
    """Check the arguments of `int4_matvec`."""
    _matvec(x, weight, scale, torch.uint8)
    if x.shape[1] % 32:
        raise ValueError(f"x has {x.shape[1]} inputs: expected a multiple of 32, one block of weights")
    demand.shape("weight", weight, (len(weight), x.shape[1] // 2), "x's last axis, two weights a byte")
    demand.shape("scale", scale, (len(weight), x.shape[1] // 32), "weight's blocks of 32")


def _matvec(x: Tensor, weight: Tensor, scale: Tensor, dtype: torch.dtype) -> None:
    demand.floats(x=x, scale=scale)
    demand.axes("x", x, "(N, I)")
    demand.axes("weight", weight, "(O, inputs)")
    demand.not_empty(x=x, weight=weight)
    if weight.dtype != dtype:
        raise ValueError(f"weight has dtype {weight.dtype}: expected {dtype}")
    demand.same_device(x=x, weight=weight, scale=scale)


def adamw(
    parameters: Sequence[Tensor],
    gradients: Sequence[Tensor],
    means: Sequence[Tensor],
    squares: Sequence[Tensor],
    step: int,
) -> None:
    """Check the arguments of `adamw`."""
    if not len(parameters) == len(gradients) == len(means) == len(squares):
        raise ValueError(
            f"{len(parameters)} parameters, {len(gradients)} gradients, {len(means)} means and "
            f"{len(squares)} squares: expected as many of each"
        )
    if not parameters:
        raise ValueError("parameters has no tensor: expected at least one")
    if step < 1:
        raise ValueError(f"step is {step}: expected 1 or more, since steps count from 1")
    for index, (p, *others) in enumerate(zip(parameters, gradients, means, squares, strict=True)):
        demand.floats(**{f"parameters[{index}]": p})
        for name, tensor in zip(("gradients", "means", "squares"), others, strict=True):
            demand.floats(**{f"{name}[{index}]": tensor})
            demand.shape(f"{name}[{index}]", tensor, tuple(p.shape), f"parameters[{index}]")
            demand.same_device(**{f"parameters[{index}]": p, f"{name}[{index}]": tensor})


def unit_stride(**tensors: Tensor | None) -> None:
    """Raise ValueError unless each tensor's last axis lies without gaps: what every fused kernel needs."""
    for name, tensor in tensors.items():
        if tensor is not None and tensor.dim() and tensor.shape[-1] > 1 and tensor.stride(-1) != 1:
            raise ValueError(
                f"{name} has strides {tensor.stride()}: expected 1 for the last axis; use {name}.contiguous()"
            )


def on_device(kind: str, backend: str, **tensors: Tensor | None) -> None:
    """Raise ValueError unless each tensor is on a device of `kind`, which `backend` runs on."""
    for name, tensor in tensors.items():
        if tensor is not None and tensor.device.type not in (kind, "meta"):
            raise ValueError(f"{name} is on {tensor.device}: the {backend} backend expects {kind}")


def has_dtype(allowed: Sequence[torch.dtype], backend: str, **tensors: Tensor | None) -> None:
    """Raise ValueError unless each tensor's dtype is one that `backend` has kernels for."""
    for name, tensor in tensors.items():
        if tensor is not None and tensor.dtype not in allowed:
            expected = ", ".join(str(dtype) for dtype in allowed)
            raise ValueError(f"{name} has dtype {tensor.dtype}: the {backend} backend expects {expected}")
