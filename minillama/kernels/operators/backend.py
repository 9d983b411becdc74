"""The boundary between PyTorch and hand-written kernels: what autograd and torch.compile see of them.

A backend is a module of *raw* functions: each reads tensors, writes tensors and knows nothing of gradients.

    raw                                        operator minillama::<backend>_<name>   in the table
    rms_norm(x, weight, eps) -> y, rstd        + shapes for torch.compile (fake)      rms_norm(x, weight, eps)
    rms_norm_backward(dy, x, weight, rstd)     + who calls the backward with what     -> y
      -> dx, dweight

Here each raw pair becomes one `torch.library.custom_op` with its fake and its backward, the same for every
backend, and the table's function around it, which checks its arguments first. The raw functions' contracts
are written once, in `Raw`.

References
----------
PyTorch, "Custom Python operators": torch.library.custom_op, register_fake, register_autograd.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.autograd import forward_ad

from .. import checks


class Raw(Protocol):
    """What a backend's module holds. Sums run in float32 at least; results have their input's dtype.

    "rows" are the N vectors of a tensor whose leading axes were folded into one; `acc` is float32, or float64
    for float64 inputs. Inputs may have any strides on leading axes, and 1 on the last.

    What a module lacks is eager's work. It may also have ``attends(q) -> bool``, by which it leaves attention
    that eager does better to eager, and ``LOGITS_AT_ONCE``, a smaller chunk of the loss than eager's.
    """

    def rms_norm(self, x: Tensor, weight: Tensor, eps: float) -> tuple[Tensor, Tensor]:
        """(N, C), (C,) -> y (N, C), 1 / root mean square of each row (N,) in acc."""

    def rms_norm_backward(self, dy: Tensor, x: Tensor, weight: Tensor, rstd: Tensor) -> tuple[Tensor, Tensor]:
        """-> dx (N, C), dweight (C,) in the weight's dtype, summed in acc."""

    def add_rms_norm(
        self, x: Tensor, residual: Tensor, weight: Tensor, eps: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        """(N, C), (N, C), (C,) -> y and residual + x (N, C) in residual's dtype, rstd (N,)."""

    def add_rms_norm_backward(
        self, dy: Tensor, dtotal: Tensor, total: Tensor, weight: Tensor, rstd: Tensor
    ) -> tuple[Tensor, Tensor]:
        """-> d of residual + x, by both ways: dtotal + the norm's own (N, C); dweight (C,)."""

    def rope(self, q: Tensor, k: Tensor, cos: Tensor, sin: Tensor, inverse: bool) -> tuple[Tensor, Tensor]:
        """(B, H, T, D), (B, K, T, D), (T, D/2) twice -> both turned (back, if `inverse`), strides kept."""

    def swiglu(self, gate: Tensor, up: Tensor) -> Tensor:
        """(N, F) twice -> (N, F)."""

    def swiglu_backward(self, dy: Tensor, gate: Tensor, up: Tensor) -> tuple[Tensor, Tensor]:
        """-> dgate, dup (N, F)."""

    def cross_entropy(self, logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """(N, V), (N,) int64 -> nats (N,), 0 where the target is -100; log Z (N,); both in acc."""

    def cross_entropy_backward(
        self, scale: Tensor, logits: Tensor, targets: Tensor, log_z: Tensor, z_loss: float, out: Tensor
    ) -> None:
        """Write scale () times the gradient of sum(nats + z_loss log_z**2) to `out` (N, V) or `logits`."""

    def attention(self, q: Tensor, k: Tensor, v: Tensor, first: Tensor | None) -> tuple[Tensor, Tensor]:
        """(B, H, T, D), (B, K, S, D) twice, (1 or B, T) int32 -> out, strides as q's; log of sums."""

    def attention_backward(
        self, dout: Tensor, q: Tensor, k: Tensor, v: Tensor, first: Tensor | None, out: Tensor, lse: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """-> dq, dk, dv, strides as of q, k, v."""

    def paged_attention(
        self, q: Tensor, k_pages: Tensor, v_pages: Tensor, pages: Tensor, lengths: Tensor
    ) -> Tensor:
        """(B, H, D), (P, K, page, D) twice, (B, M), (B,) -> (B, H, D)."""

    def int8_matvec(self, x: Tensor, weight: Tensor, scale: Tensor) -> Tensor:
        """(N, I), (O, I) int8, (O,) -> (N, O)."""

    def int4_matvec(self, x: Tensor, weight: Tensor, scale: Tensor) -> Tensor:
        """(N, I), (O, I/2) uint8, (O, I/32) -> (N, O)."""

    def adamw(
        self,
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


class Uncovered(ValueError):
    """Right for the operation but not for this backend: an error by name, eager's work under ``auto``."""


@dataclass(frozen=True)
class Backend:
    """A module of raw functions, where they run and on which floats."""

    name: str
    raw: Any
    device: str
    dtypes: tuple[torch.dtype, ...]

    def accepts(self, **tensors: Tensor | None) -> None:
        """Raise Uncovered for a tensor elsewhere, of another dtype, or with gaps in its last axis.

        And inside torch.func and forward-mode differentiation, where operators lose tangents silently.
        """
        transformed = torch._C._are_functorch_transforms_active() or forward_ad._current_level >= 0
        if not torch.compiler.is_compiling() and transformed:
            raise Uncovered(f"torch.func or forward_ad is at work: the {self.name} backend expects neither")
        floats = {name: t for name, t in tensors.items() if t is not None and t.dtype.is_floating_point}
        try:
            checks.on_device(self.device, self.name, **tensors)
            checks.has_dtype(self.dtypes, self.name, **floats)
            checks.unit_stride(**tensors)
        except ValueError as error:
            raise Uncovered(str(error)) from None


def define(
    backend: Backend,
    name: str,
    forward: Callable[..., Any],
    fake: Callable[..., Any],
    backward: Callable[..., Any] | None = None,
    save: Callable[..., Any] | None = None,
    mutates: Sequence[str] = (),
) -> Any:
    """Register the operator ``minillama::<backend>_<name>``; `forward`'s annotations are its schema.

    Parameters
    ----------
    backend, name
        Together the operator's name.
    forward : callable
        Tensors to tensors, none of them an input.
    fake : callable
        The same from tensors without data: shapes, dtypes and strides alone.
    backward, save : callable, optional
        `register_autograd`'s two: gradients from gradients, and what the forward keeps for it.
    mutates : sequence of str
        Arguments that `forward` writes to.
    """
    plain = inspect.unwrap(forward)  # from what may check its shapes in tests
    operator = torch.library.custom_op(
        f"minillama::{backend.name.replace('-', '_')}_{name}",
        forward,
        mutates_args=tuple(mutates),
        schema=torch.library.infer_schema(plain, mutates_args=tuple(mutates)),
    )
    operator.register_fake(fake)
    if backward is not None:
        operator.register_autograd(backward, setup_context=save)
    return operator


def accumulator(dtype: torch.dtype) -> torch.dtype:
    """Return the dtype that sums over tensors of `dtype` run in."""
    return torch.promote_types(dtype, torch.float32)


def rows(x: Tensor) -> Tensor:
    """Return (..., C) as (N, C)."""
    return x.reshape(-1, x.shape[-1])


def like(x: Tensor) -> Tensor:
    """Return a tensor without data of the shape and dtype of `x`, without gaps."""
    return torch.empty_like(x, memory_format=torch.contiguous_format)
