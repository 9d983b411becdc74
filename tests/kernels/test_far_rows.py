"""Rows of norms, RoPE and SwiGLU beyond 2**31 numbers: with offsets of 32 bits they would be elsewhere."""

from __future__ import annotations

from types import ModuleType

import pytest
import torch
from kernels.proofs import draw
from torch import Tensor

from minillama.kernels import cpu, triton

STEP, ROWS, C = 2**30, 4, 16  # the last row begins at 3 * 2**30, beyond 2**31
BACKENDS = pytest.mark.parametrize("raw", [cpu, triton], ids=["cpp", "triton-interpret"])


def far(*tensors: Tensor) -> list[Tensor]:
    """Return copies of (ROWS, C) tensors whose rows are STEP numbers apart, side by side in one storage.

    Address space alone: few pages of it are touched.
    """
    width = C * len(tensors)
    space = torch.empty((ROWS - 1) * STEP + width)
    copies = []
    for index, tensor in enumerate(tensors):
        copy = space.as_strided((ROWS, C), (STEP, 1), C * index)
        copies.append(copy.copy_(tensor))
    return copies


def check(found: tuple[Tensor, ...], near: tuple[Tensor, ...]) -> None:
    for a, b in zip(found, near, strict=True):
        assert torch.equal(a, b)


@BACKENDS
def test_norms(raw: ModuleType) -> None:
    x, residual, dy = (draw(ROWS, C, seed=seed) for seed in range(3))
    weight = draw(C, seed=3)
    check(raw.rms_norm(*far(x), weight, 1e-5), raw.rms_norm(x, weight, 1e-5))
    check(raw.add_rms_norm(*far(x, residual), weight, 1e-5), raw.add_rms_norm(x, residual, weight, 1e-5))
    rstd = raw.rms_norm(x, weight, 1e-5)[1]
    check(raw.rms_norm_backward(*far(dy, x), weight, rstd), raw.rms_norm_backward(dy, x, weight, rstd))
    check(
        raw.add_rms_norm_backward(*far(dy, residual, x), weight, rstd),
        raw.add_rms_norm_backward(dy, residual, x, weight, rstd),
    )


@BACKENDS
def test_swiglu(raw: ModuleType) -> None:
    gate, up, dy = (draw(ROWS, C, seed=seed) for seed in range(3))
    check((raw.swiglu(*far(gate, up)),), (raw.swiglu(gate, up),))
    check(raw.swiglu_backward(*far(dy, gate, up)), raw.swiglu_backward(dy, gate, up))


@BACKENDS
def test_rope(raw: ModuleType) -> None:
    q, k = (draw(ROWS, C, seed=seed) for seed in range(2))
    cos, sin = (draw(ROWS, C // 2, seed=seed) for seed in (2, 3))

    def turned(q: Tensor, k: Tensor) -> tuple[Tensor, ...]:  # ROWS positions of one head
        results = raw.rope(q[None, None], k[None, None], cos, sin, False)
        return tuple(result.contiguous() for result in results)

    near = turned(q, k)
    check(turned(*far(q, k)), near)
