"""AdamW over many tensors: eager's against torch.optim's, the fused against eager's, in place."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from kernels.proofs import BACKENDS, DTYPES, agree, draw, opcheck, operation, strict
from torch import Tensor

from minillama.kernels import eager
from minillama.kernels import triton as raw
from minillama.kernels.traffic import measured
from minillama.kernels.triton.adamw import adamw_step
from minillama.kernels.triton.launch import launch

SETTINGS = (3e-3, 0.9, 0.95, 1e-8, 0.1)
SHAPES = ((5, 123), (17,), (), (1, 2, 3), (70_001,))


def state(dtype: torch.dtype) -> list[list[Tensor]]:
    """Parameters, gradients, means, squares."""
    p, g, mean = ([draw(*s, dtype=dtype, seed=10 * k + i) for i, s in enumerate(SHAPES)] for k in range(3))
    return [p, g, mean, [draw(*s, dtype=dtype, seed=i).square() for i, s in enumerate(SHAPES)]]


def test_eager_is_torchs_own_over_five_steps() -> None:
    p, g, _, _ = state(torch.float64)
    means, squares = ([torch.zeros_like(x) for x in p] for _ in range(2))
    theirs = [x.clone().requires_grad_() for x in p]
    lr, beta1, beta2, eps, decay = SETTINGS
    optimizer = torch.optim.AdamW(theirs, lr=lr, betas=(beta1, beta2), eps=eps, weight_decay=decay)
    for step in range(1, 6):
        gradients = [x * step for x in g]
        eager.adamw(p, gradients, means, squares, step, *SETTINGS)
        for x, gradient in zip(theirs, gradients, strict=True):
            x.grad = gradient
        optimizer.step()
        torch.testing.assert_close(p, [x.detach() for x in theirs], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("backend", BACKENDS)
def test_one_step_against_float64(backend: str, dtype: torch.dtype) -> None:
    found, plain = state(dtype), state(dtype)
    exact = [[x.double() for x in tensors] for tensors in state(dtype)]
    gradients = [x.clone() for x in found[1]]
    operation("adamw", backend)(*found, 7, *SETTINGS)
    eager.adamw(*plain, 7, *SETTINGS)
    eager.adamw(*exact, 7, *SETTINGS)
    for i, kind in enumerate(("parameters", "gradients", "means", "squares")):
        for j in range(len(SHAPES)):
            agree(found[i][j], exact[i][j], plain[i][j], f"{kind}[{j}]")
    assert all(torch.equal(a, b) for a, b in zip(gradients, found[1], strict=True))


@pytest.mark.parametrize("backend", BACKENDS)
def test_opcheck(backend: str) -> None:
    opcheck("adamw", backend, (*state(torch.float32), 1, *SETTINGS))


def test_each_tensor_may_have_a_dtype_of_its_own() -> None:
    kinds = torch.float32, torch.bfloat16, torch.float32, torch.float32
    found, plain = (
        [[x.to(kind) for x in tensors] for tensors, kind in zip(state(torch.float32), kinds, strict=True)]
        for _ in range(2)
    )
    exact = [[x.double() for x in tensors] for tensors in found]
    operation("adamw", "triton-interpret")(*found, 7, *SETTINGS)
    eager.adamw(*plain, 7, *SETTINGS)
    eager.adamw(*exact, 7, *SETTINGS)
    for i in (0, 2, 3):
        for j in range(len(SHAPES)):
            agree(found[i][j], exact[i][j], plain[i][j], f"kind {i}, tensor {j}")


@pytest.mark.parametrize(("gradients", "bytes_each"), [(torch.float32, 28), (torch.bfloat16, 26)], ids=str)
@pytest.mark.parametrize("tile", [1024, 2**18])
def test_traffic_is_28_bytes_a_parameter(
    tile: int, gradients: torch.dtype, bytes_each: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minillama.kernels.triton.tiles.INTERPRETED_TILE", tile)
    tensors = state(torch.float32)
    tensors[1] = [g.to(gradients) for g in tensors[1]]
    sizes = [p.numel() for p in tensors[0]]
    with measured() as meter:
        raw.adamw(*tensors, 7, *SETTINGS)
    check = meter.total
    assert check.moved == check.moved_once == bytes_each * sum(sizes)
    assert check.written == 12 * sum(sizes)
    assert check.launches == len(sizes)
    assert check.programs == sum(-(-n // tile) for n in sizes)
    assert meter.races == []


def test_stores_stay_inside_of_each_tensor() -> None:
    flat = [torch.full((300,), 7.0) for _ in range(4)]
    tensors = [[x[100:223].copy_(draw(123, seed=i).abs())] for i, x in enumerate(flat)]
    with strict():
        raw.adamw(*tensors, 1, *SETTINGS)
    for x in flat:
        assert not x.isnan().any()
        assert torch.equal(torch.cat([x[:100], x[223:]]), torch.full((177,), 7.0))


def test_a_tensor_without_elements_is_passed_over() -> None:
    tensors = [[torch.empty(0, 3), draw(5, seed=i).abs()] for i in range(4)]
    before = tensors[0][1].clone()
    operation("adamw", "triton-interpret")(*tensors, 1, *SETTINGS)
    assert not torch.equal(tensors[0][1], before)


def test_elements_beyond_32_bits_count(monkeypatch: pytest.MonkeyPatch) -> None:
    from triton import language as tl
    from triton.runtime import interpreter as its

    n = 2**31 + 64
    far = torch.empty(n + 192, dtype=torch.float16)  # address space alone: few of its pages are touched
    tensors = [[far[64 * i : 64 * i + n]] for i in range(4)]
    near = [[draw(64, dtype=torch.float16, seed=i).abs()] for i in range(4)]
    for (x,), (y,) in zip(tensors, near, strict=True):
        x[-64:] = y
    last = its.TensorHandle(np.array([n // 1024], dtype=np.int32), tl.int32)
    monkeypatch.setattr(its.interpreter_builder, "create_get_program_id", lambda axis: last)
    scalars = 0.9, 0.01, 0.1, 0.95, 0.05, 0.3, 1e-8
    launch(adamw_step, (1,), *(x for (x,) in tensors), n, *scalars, BLOCK=1024)
    monkeypatch.undo()
    launch(adamw_step, (1,), *(y for (y,) in near), 64, *scalars, BLOCK=1024)
    for (x,), (y,) in zip(tensors, near, strict=True):
        assert torch.equal(x[-64:], y)


@pytest.mark.error_contract
def test_mixed_dtypes_are_refused() -> None:
    p, g, mean, square = state(torch.float32)
    with pytest.raises(
        ValueError, match=r"gradients\[0\] has dtype torch.bfloat16: the cpp backend expects .* torch.float32"
    ):
        operation("adamw", "cpp")(p, [x.bfloat16() for x in g], mean, square, 1, *SETTINGS)
