"""What can be demanded of a tensor, each a ValueError "<what was given>: expected <what was not>".

The tensors' names in the messages are those of the keyword arguments. `checks` says which operation demands
what.
"""

from __future__ import annotations

import torch
from torch import Tensor

FLOATS = (torch.float32, torch.float64, torch.bfloat16, torch.float16)
INTEGERS = (torch.int64, torch.int32)
IGNORE_INDEX = -100
"""The target that counts for nothing."""


def floats(**tensors: Tensor) -> None:
    """Raise ValueError unless each tensor holds floats."""
    for name, tensor in tensors.items():
        if tensor.dtype not in FLOATS:
            raise ValueError(f"{name} has dtype {tensor.dtype}: expected a float dtype")


def integers(**tensors: Tensor) -> None:
    """Raise ValueError unless each tensor holds integers of 32 or 64 bits."""
    for name, tensor in tensors.items():
        if tensor.dtype not in INTEGERS:
            raise ValueError(f"{name} has dtype {tensor.dtype}: expected torch.int64 or torch.int32")


def not_empty(**tensors: Tensor) -> None:
    """Raise ValueError for a number without axes, and for a tensor without elements."""
    for name, tensor in tensors.items():
        if not tensor.dim() or not tensor.numel():
            raise ValueError(f"{name} has shape {tuple(tensor.shape)}: expected one axis or more, none of 0")


def axes(name: str, tensor: Tensor, expected: str) -> None:
    """Raise ValueError unless `tensor` has as many axes as ``"(N, C)"`` names."""
    number = expected.count(",") + 1
    if tensor.dim() != number:
        raise ValueError(f"{name} has shape {tuple(tensor.shape)}: expected {number} axes {expected}")


def shape(name: str, tensor: Tensor, expected: tuple[int, ...], by: str) -> None:
    """Raise ValueError unless `tensor` has the `expected` shape, which follows `by` another."""
    if tuple(tensor.shape) != expected:
        raise ValueError(f"{name} has shape {tuple(tensor.shape)}: expected {expected}, by {by}")


def groups(H: int, K: int) -> None:
    """Raise ValueError unless H query heads share K key/value heads evenly."""
    if H % K:
        raise ValueError(f"q has {H} heads, k and v {K}: expected a multiple, so that each serves as many")


def broadcasts(shape: tuple[int, ...], to: tuple[int, ...]) -> bool:
    """Return whether `shape` can be repeated to the shape `to`."""
    return len(shape) <= len(to) and all(n in (1, m) for n, m in zip(shape[::-1], to[::-1], strict=False))


def targets(targets: Tensor, N: int, V: int, by: str) -> None:
    """Raise ValueError unless `targets` are (N,) int64 and, where that can be seen, tokens of V."""
    if targets.dtype != torch.int64:
        raise ValueError(f"targets has dtype {targets.dtype}: expected torch.int64")
    shape("targets", targets, (N,), by)
    if at_hand(targets):
        within("targets", targets, V - 1, f"tokens, or {IGNORE_INDEX}", targets != IGNORE_INDEX)


def at_hand(tensor: Tensor) -> bool:
    """Return whether values can be looked at without waiting for a device or breaking a graph."""
    return tensor.device.type == "cpu" and not torch.compiler.is_compiling()


def autocast(x: Tensor) -> bool:
    """Return whether products of `x` cast their operands first: not so on a device that knows no autocast."""
    kind = x.device.type
    return torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)


def within(name: str, tensor: Tensor, most: int, what: str, counted: Tensor | None = None) -> None:
    """Raise ValueError, with its place, for the first number (that is `counted`) not within 0 to `most`."""
    wrong = (tensor < 0) | (tensor > most)
    if counted is not None:
        wrong &= counted
    if wrong.any():
        at = tuple(wrong.nonzero()[0].tolist())
        raise ValueError(f"{name}{list(at)} is {tensor[at].item()}: expected 0 to {most}, {what}")


def same_dtype(**tensors: Tensor) -> None:
    """Raise ValueError unless all have the first tensor's dtype."""
    (first, one), *others = tensors.items()
    for name, tensor in others:
        if tensor.dtype != one.dtype:
            raise ValueError(f"{name} has dtype {tensor.dtype}: expected {one.dtype}, as {first}")


def same_device(**tensors: Tensor) -> None:
    """Raise ValueError unless all are where the first tensor is."""
    (first, one), *others = tensors.items()
    for name, tensor in others:
        if tensor.device != one.device:
            raise ValueError(f"{name} is on {tensor.device}: expected {one.device}, as {first}")
