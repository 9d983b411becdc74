"""What the operations demand of their arguments: one clear ValueError, before anything runs.

Each function bears the name of an operation and takes its tensors. All backends call them; the fused ones
demand more (`unit_stride`). Nothing here looks at a tensor's values, so that nothing waits for a GPU.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

FLOATS = (torch.float32, torch.float64, torch.bfloat16, torch.float16)
INTEGERS = (torch.int64, torch.int32)


def rms_norm(x: Tensor, weight: Tensor) -> None:
    """Check the arguments of `rms_norm`."""
    _floats(x=x, weight=weight)
    _not_empty(x=x)
    _shape("weight", weight, (x.shape[-1],), "x's last axis")
    _same_device(x=x, weight=weight)


def add_rms_norm(x: Tensor, residual: Tensor, weight: Tensor) -> None:
    """Check the arguments of `add_rms_norm`."""
    rms_norm(x, weight)
    _floats(residual=residual)
    _shape("residual", residual, tuple(x.shape), "x")
    _same_device(x=x, residual=residual)


def rope(q: Tensor, k: Tensor, cos: Tensor, sin: Tensor) -> None:
    """Check the arguments of `rope`."""
    _floats(q=q, k=k, cos=cos, sin=sin)
    _axes("q", q, "(B, H, T, D)")
    _axes("k", k, "(B, K, T, D)")
    _not_empty(q=q, k=k)
    B, _, T, D = q.shape
    if D % 2:
        raise ValueError(f"q has heads of width {D}: rope turns pairs, expected an even width")
    _shape("k", k, (B, k.shape[1], T, D), "q")
    _shape("cos", cos, (T, D // 2), "q's positions and pairs")
    _shape("sin", sin, (T, D // 2), "q's positions and pairs")
    _same_dtype(q=q, k=k)
    _same_device(q=q, k=k, cos=cos, sin=sin)


def attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> None:
    """Check the arguments of `attention`."""
    _floats(q=q, k=k, v=v)
    for name, tensor, axes in (("q", q, "(B, H, T, D)"), ("k", k, "(B, K, S, D)"), ("v", v, "(B, K, S, D)")):
        _axes(name, tensor, axes)
    _not_empty(q=q, k=k, v=v)
    B, H, T, D = q.shape
    K, S = k.shape[1:3]
    _shape("k", k, (B, K, S, D), "q")
    _shape("v", v, (B, K, S, D), "k")
    _groups(H, K)
    if T > S:
        raise ValueError(f"q has {T} positions, k only {S}: the queries are the last of the keys' positions")
    _same_dtype(q=q, k=k, v=v)
    _same_device(q=q, k=k, v=v, **({} if mask is None else {"mask": mask}))
    if mask is None:
        return
    if mask.dtype != torch.bool:
        if mask.dtype not in INTEGERS:
            raise ValueError(f"mask has dtype {mask.dtype}: expected torch.bool, torch.int64 or torch.int32")
        if tuple(mask.shape) not in ((T,), (B, T), (1, T)):
            raise ValueError(
                f"mask has shape {tuple(mask.shape)}: expected ({T},) or ({B}, {T}), a first key a query"
            )
    elif mask.shape[-2:] != (T, S):
        raise ValueError(f"mask has shape {tuple(mask.shape)}: expected (..., {T}, {S}), queries and keys")


def swiglu(gate: Tensor, up: Tensor) -> None:
    """Check the arguments of `swiglu`."""
    _floats(gate=gate, up=up)
    _not_empty(gate=gate)
    _shape("up", up, tuple(gate.shape), "gate")
    _same_dtype(gate=gate, up=up)
    _same_device(gate=gate, up=up)


def cross_entropy(logits: Tensor, targets: Tensor) -> None:
    """Check the arguments of `cross_entropy`."""
    _floats(logits=logits)
    _axes("logits", logits, "(N, V)")
    _not_empty(logits=logits)
    _targets(targets, len(logits), "logits")
    _same_device(logits=logits, targets=targets)


def linear_cross_entropy(x: Tensor, weight: Tensor, targets: Tensor) -> None:
    """Check the arguments of `linear_cross_entropy`."""
    _floats(x=x, weight=weight)
    _axes("x", x, "(N, C)")
    _axes("weight", weight, "(V, C)")
    _not_empty(x=x, weight=weight)
    _shape("weight", weight, (len(weight), x.shape[1]), "x's last axis")
    _targets(targets, len(x), "x")
    _same_device(x=x, weight=weight, targets=targets)


def paged_attention(q: Tensor, k_pages: Tensor, v_pages: Tensor, pages: Tensor, lengths: Tensor) -> None:
    """Check the arguments of `paged_attention`."""
    _floats(q=q, k_pages=k_pages, v_pages=v_pages)
    _axes("q", q, "(B, H, D)")
    _axes("k_pages", k_pages, "(P, K, page, D)")
    _not_empty(q=q, k_pages=k_pages)
    B, H, D = q.shape
    P, K, page, _ = k_pages.shape
    _shape("k_pages", k_pages, (P, K, page, D), "q's head width")
    _shape("v_pages", v_pages, (P, K, page, D), "k_pages")
    _groups(H, K)
    _integers(pages=pages, lengths=lengths)
    _axes("pages", pages, "(B, M)")
    _shape("pages", pages, (B, pages.shape[1]), "q's batch")
    _shape("lengths", lengths, (B,), "q's batch")
    _same_dtype(q=q, k_pages=k_pages, v_pages=v_pages)
    _same_device(q=q, k_pages=k_pages, v_pages=v_pages, pages=pages, lengths=lengths)


def int8_matvec(x: Tensor, weight: Tensor, scale: Tensor) -> None:
    """Check the arguments of `int8_matvec`."""
    _matvec(x, weight, scale, torch.int8)
    _shape("weight", weight, (len(weight), x.shape[1]), "x's last axis")
    _shape("scale", scale, (len(weight),), "weight's rows")


def int4_matvec(x: Tensor, weight: Tensor, scale: Tensor) -> None:
    """Check the arguments of `int4_matvec`."""
    _matvec(x, weight, scale, torch.uint8)
    if x.shape[1] % 32:
        raise ValueError(f"x has {x.shape[1]} inputs: expected a multiple of 32, one block of weights")
    _shape("weight", weight, (len(weight), x.shape[1] // 2), "x's last axis, two weights a byte")
    _shape("scale", scale, (len(weight), x.shape[1] // 32), "weight's blocks of 32")


def _matvec(x: Tensor, weight: Tensor, scale: Tensor, dtype: torch.dtype) -> None:
    _floats(x=x, scale=scale)
    _axes("x", x, "(N, I)")
    _axes("weight", weight, "(O, inputs)")
    _not_empty(x=x, weight=weight)
    if weight.dtype != dtype:
        raise ValueError(f"weight has dtype {weight.dtype}: expected {dtype}")
    _same_device(x=x, weight=weight, scale=scale)


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
    if step < 1:
        raise ValueError(f"step is {step}: steps count from 1")
    for index, (p, *others) in enumerate(zip(parameters, gradients, means, squares, strict=True)):
        _floats(**{f"parameters[{index}]": p})
        for name, tensor in zip(("gradients", "means", "squares"), others, strict=True):
            _shape(f"{name}[{index}]", tensor, tuple(p.shape), f"parameters[{index}]")
            _same_device(**{f"parameters[{index}]": p, f"{name}[{index}]": tensor})


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


def _floats(**tensors: Tensor) -> None:
    for name, tensor in tensors.items():
        if tensor.dtype not in FLOATS:
            raise ValueError(f"{name} has dtype {tensor.dtype}: expected a float dtype")


def _integers(**tensors: Tensor) -> None:
    for name, tensor in tensors.items():
        if tensor.dtype not in INTEGERS:
            raise ValueError(f"{name} has dtype {tensor.dtype}: expected torch.int64 or torch.int32")


def _not_empty(**tensors: Tensor) -> None:
    for name, tensor in tensors.items():
        if tensor.numel() == 0:
            raise ValueError(f"{name} has shape {tuple(tensor.shape)}: expected at least one element")


def _axes(name: str, tensor: Tensor, axes: str) -> None:
    expected = axes.count(",") + 1
    if tensor.dim() != expected:
        raise ValueError(f"{name} has shape {tuple(tensor.shape)}: expected {expected} axes {axes}")


def _shape(name: str, tensor: Tensor, expected: tuple[int, ...], by: str) -> None:
    if tuple(tensor.shape) != expected:
        raise ValueError(f"{name} has shape {tuple(tensor.shape)}: expected {expected}, by {by}")


def _groups(H: int, K: int) -> None:
    if H % K:
        raise ValueError(f"q has {H} heads, k and v {K}: expected a multiple, so that each serves as many")


def _targets(targets: Tensor, n: int, by: str) -> None:
    if targets.dtype != torch.int64:
        raise ValueError(f"targets have dtype {targets.dtype}: expected torch.int64")
    _shape("targets", targets, (n,), by)


def _same_dtype(**tensors: Tensor) -> None:
    (first, one), *others = tensors.items()
    for name, tensor in others:
        if tensor.dtype != one.dtype:
            raise ValueError(f"{name} has dtype {tensor.dtype}: expected {one.dtype}, as {first}")


def _same_device(**tensors: Tensor) -> None:
    (first, one), *others = tensors.items()
    for name, tensor in others:
        if tensor.device != one.device:
            raise ValueError(f"{name} is on {tensor.device}: expected {one.device}, as {first}")
