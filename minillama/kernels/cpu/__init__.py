"""The C backend: raw functions over fused kernels for the CPU, compiled at first use. See `kernels.c`.

Attention of few queries, of 16 bits and over pages is left to PyTorch.
"""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import c_double, c_int, c_int64, c_void_p
from functools import cache
from typing import Any

import torch
from torch import Tensor

from ..eager import IGNORE_INDEX
from ..operators import Uncovered
from .build import library

__all__ = [
    "DTYPES",
    "LOGITS_AT_ONCE",
    "adamw",
    "add_rms_norm",
    "add_rms_norm_backward",
    "attends",
    "attention",
    "attention_backward",
    "cross_entropy",
    "cross_entropy_backward",
    "int4_matvec",
    "int8_matvec",
    "rms_norm",
    "rms_norm_backward",
    "rope",
    "swiglu",
    "swiglu_backward",
]

DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.float16)
LOGITS_AT_ONCE = 2**21
"""Logits of a chunk of the loss, 8 MiB in float32: a buffer that is used again before it leaves the cache."""
FEWEST_QUERIES = 16
"""Attention goes by blocks of queries, one to a lane: with fewer, most of a block would be idle."""
LANES = 16
"""Numbers in the widest register, 64 bytes of float32: what attention's room is reckoned with."""


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """(N, C), (C,) -> y (N, C), 1 / root mean square of each row (N,)."""
    N, C = x.shape
    y, rstd = _empty(x), x.new_empty(N, dtype=_acc(x))
    _call("rms_norm", x, x, None, _wide(weight, x), y, None, rstd, N, C, x.stride(0), 0, eps)
    return y, rstd


def add_rms_norm(x: Tensor, residual: Tensor, weight: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """(N, C), (N, C), (C,) -> y and residual + x (N, C) in residual's dtype, rstd (N,)."""
    N, C = x.shape
    x = x.to(residual.dtype)
    y, total, rstd = _empty(residual), _empty(residual), x.new_empty(N, dtype=_acc(x))
    strides = x.stride(0), residual.stride(0)
    _call("rms_norm", x, x, residual, _wide(weight, x), y, total, rstd, N, C, *strides, eps)
    return y, total, rstd


def rms_norm_backward(dy: Tensor, x: Tensor, weight: Tensor, rstd: Tensor) -> tuple[Tensor, Tensor]:
    """-> dx (N, C), dweight (C,)."""
    return _norm_backward(dy, None, x, weight, rstd)


def add_rms_norm_backward(
    dy: Tensor, dtotal: Tensor, total: Tensor, weight: Tensor, rstd: Tensor
) -> tuple[Tensor, Tensor]:
    """-> d of residual + x (N, C), dweight (C,)."""
    return _norm_backward(dy, dtotal, total, weight, rstd)


def _norm_backward(
    dy: Tensor, dtotal: Tensor | None, total: Tensor, weight: Tensor, rstd: Tensor
) -> tuple[Tensor, Tensor]:
    N, C = total.shape
    dx = _empty(total)
    partial = torch.zeros(torch.get_num_threads(), C, dtype=rstd.dtype)
    strides = dy.stride(0), 0 if dtotal is None else dtotal.stride(0), total.stride(0)
    _call(
        "rms_norm_backward", total, dy, dtotal, total, _wide(weight, total), rstd, dx, partial, N, C, *strides
    )
    return dx, partial.sum(0).to(weight.dtype)


def rope(q: Tensor, k: Tensor, cos: Tensor, sin: Tensor, inverse: bool) -> tuple[Tensor, Tensor]:
    """(B, H, T, D), (B, K, T, D), (T, D/2) twice -> both turned (back, if `inverse`), strides kept."""
    cos, sin = _wide(cos, q), _wide(sin, q)
    turned = []
    for x in (q, k):
        B, heads, T, D = x.shape
        out = torch.empty_like(x)
        strides = _strides(x), _strides(out)
        _call("rope", x, x, out, cos, sin, B, heads, T, D // 2, *strides, -1.0 if inverse else 1.0)
        turned.append(out)
    return turned[0], turned[1]


def attends(q: Tensor) -> bool:
    """Whether attention is worth it here: PyTorch's own is better for few queries, and for 16 bits."""
    return q.dtype in (torch.float32, torch.float64) and q.shape[2] >= FEWEST_QUERIES


def attention(q: Tensor, k: Tensor, v: Tensor, first: Tensor | None) -> tuple[Tensor, Tensor]:
    """(B, H, T, D), (B, K, S, D) twice, (1 or B, T) int32 -> out, strides as q's; log of sums (B, H, T)."""
    B, H, T, D = q.shape
    K, S = k.shape[1:3]
    out, lse = torch.empty_like(q), q.new_empty(B, H, T)
    room = q.new_empty(torch.get_num_threads(), S * (2 * D + LANES) + 2 * D * LANES)
    _call(
        "attention", q, q, k, v, first, out, lse, room, B, H, K, T, S, D, *map(_strides, (q, k, v, out)),
        _apart(first), D**-0.5,
    )  # fmt: skip
    return out, lse


def attention_backward(
    dout: Tensor, q: Tensor, k: Tensor, v: Tensor, first: Tensor | None, out: Tensor, lse: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """-> dq, dk, dv, strides as of q, k, v."""
    B, H, T, D = q.shape
    K, S = k.shape[1:3]
    dq, dk, dv = (torch.empty_like(x) for x in (q, k, v))
    W = -(-D // LANES) * LANES
    room = q.new_empty(torch.get_num_threads(), S * 2 * (D + W + LANES) + (3 * D + 2 * W) * LANES)
    _call(
        "attention_backward", q, dout, q, k, v, first, out, lse, dq, dk, dv, room, B, H, K, T, S, D,
        *map(_strides, (dout, q, k, v, out, dq, dk, dv)), _apart(first), D**-0.5,
    )  # fmt: skip
    return dq, dk, dv


def swiglu(gate: Tensor, up: Tensor) -> Tensor:
    """(N, F) twice -> (N, F)."""
    y = _empty(gate)
    _call("swiglu", gate, gate, up, y, *gate.shape, gate.stride(0), up.stride(0))
    return y


def swiglu_backward(dy: Tensor, gate: Tensor, up: Tensor) -> tuple[Tensor, Tensor]:
    """-> dgate, dup (N, F)."""
    dgate, dup = _empty(gate), _empty(up)
    strides = dy.stride(0), gate.stride(0), up.stride(0)
    _call("swiglu_backward", gate, dy, gate, up, dgate, dup, *gate.shape, *strides)
    return dgate, dup


def cross_entropy(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """(N, V), (N,) int64 -> nats (N,), 0 where the target is -100; log Z (N,).

    Raises
    ------
    ValueError
        For a target that is neither -100 nor one of the V.
    """
    N, V = logits.shape
    nats, log_z = (logits.new_empty(N, dtype=_acc(logits)) for _ in range(2))
    targets = targets.contiguous()
    wrong = _call("cross_entropy", logits, logits, targets, nats, log_z, N, V, logits.stride(0), IGNORE_INDEX)
    if wrong:
        raise ValueError(f"{wrong} of {N} targets are no tokens: expected 0 to {V - 1}, or {IGNORE_INDEX}")
    return nats, log_z


def cross_entropy_backward(
    scale: Tensor, logits: Tensor, targets: Tensor, log_z: Tensor, z_loss: float, out: Tensor
) -> None:
    """Write scale () times the gradient of sum(nats + z_loss log_z**2) to `out` (N, V) or `logits`."""
    strides = logits.stride(0), out.stride(0)
    targets = targets.contiguous()
    _call(
        "cross_entropy_backward", logits, logits, targets, log_z, out, *logits.shape, *strides,
        scale.item(), z_loss,
    )  # fmt: skip


def int8_matvec(x: Tensor, weight: Tensor, scale: Tensor) -> Tensor:
    """(N, I), (O, I) int8, (O,) -> (N, O); sums in float32, so that float64 is refused."""
    wide, y = _single(x), x.new_empty(len(x), len(weight), dtype=torch.float32)
    scale = scale.float().contiguous()
    _call("int8_matvec", None, wide, weight, scale, y, len(x), *weight.shape, weight.stride(0))
    return y.to(x.dtype)


def int4_matvec(x: Tensor, weight: Tensor, scale: Tensor) -> Tensor:
    """(N, I), (O, I/2) uint8, (O, I/32) float16 -> (N, O); sums in float32, so that float64 is refused."""
    if scale.dtype != torch.float16:
        raise Uncovered(f"scale has dtype {scale.dtype}: the cpp backend expects torch.float16")
    wide, y = _single(x), x.new_empty(len(x), len(weight), dtype=torch.float32)
    strides = weight.stride(0), scale.stride(0)
    _call("int4_matvec", None, wide, weight, scale, y, len(x), len(weight), x.shape[1] // 32, *strides)
    return y.to(x.dtype)


def adamw(
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
    """Update `parameters`, `means` and `squares` in place."""
    unbiased = 1 - beta1**step, 1 - beta2**step
    for name, tensors in (("gradients", gradients), ("means", means), ("squares", squares)):
        for index, (p, x) in enumerate(zip(parameters, tensors, strict=True)):
            if x.dtype != p.dtype:
                raise Uncovered(
                    f"{name}[{index}] has dtype {x.dtype}: the cpp backend expects the parameter's, {p.dtype}"
                )
    for p, g, mean, square in zip(parameters, gradients, means, squares, strict=True):
        _call("adamw", p, p, g, mean, square, p.numel(), lr, beta1, beta2, eps, weight_decay, *unbiased)


def _call(name: str, like: Tensor | None, *arguments: Any) -> int:
    """Call a kernel, that for the dtype of `like`, on as many threads as PyTorch uses."""
    function = _function(name, None if like is None else like.dtype)
    result: int = function(*map(_as_c, arguments), c_int(torch.get_num_threads()))
    return result


@cache
def _function(name: str, dtype: torch.dtype | None) -> Any:
    function = library()[name if dtype is None else f"{name}_{str(dtype).removeprefix('torch.')}"]
    function.restype = c_int64
    return function


def _as_c(value: Any) -> Any:
    if value is None or isinstance(value, Tensor):
        return c_void_p(None if value is None else value.data_ptr())
    if isinstance(value, float):
        return c_double(value)
    return c_int64(value) if isinstance(value, int) else value


def _single(x: Tensor) -> Tensor:
    """Return the inputs of a product in float32, without gaps."""
    if x.dtype == torch.float64:
        raise Uncovered(
            "x has dtype torch.float64: the cpp backend expects 32 bits at most, in which it sums products"
        )
    return x.float().contiguous()


def _strides(x: Tensor) -> Any:
    """Return the strides of the first three of four axes."""
    return (c_int64 * 3)(*x.stride()[:3])


def _apart(first: Tensor | None) -> int:
    """Return how far apart two sequences' rows of `first` lie: 0 if they share one."""
    return 0 if first is None or len(first) == 1 else first.stride(0)


def _empty(x: Tensor) -> Tensor:
    return torch.empty_like(x, memory_format=torch.contiguous_format)


def _acc(x: Tensor) -> torch.dtype:
    return torch.promote_types(x.dtype, torch.float32)


def _wide(x: Tensor, like: Tensor) -> Tensor:
    """Return `x` in what sums over `like` run in, without gaps."""
    return x.to(_acc(like)).contiguous()
