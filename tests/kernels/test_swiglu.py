"""SwiGLU of the fused backends: values, traffic, races, and what it leaves alone."""

from __future__ import annotations

import pytest
import torch
from kernels.proofs import BACKENDS, DTYPES, canaries, draw, opcheck, operation, prove, spread

from minillama.kernels import triton as raw
from minillama.kernels.traffic import measured


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(5, 123, 123), (3, 64), (1, 1), (7,)], ids=str)
@pytest.mark.parametrize("backend", BACKENDS)
def test_values_and_gradients(backend: str, shape: tuple[int, ...], dtype: torch.dtype) -> None:
    prove("swiglu", backend, [draw(*shape, dtype=dtype, scale=3), draw(*shape, dtype=dtype, seed=1)])


@pytest.mark.parametrize("backend", BACKENDS)
def test_gaps_halves_of_one_tensor_and_other_axes_first(backend: str) -> None:
    for dtype in DTYPES:
        gate, up = draw(5, 123, dtype=dtype), draw(5, 123, dtype=dtype, seed=1)
        prove("swiglu", backend, [spread(gate), up])
        prove("swiglu", backend, list(draw(6, 2 * 33, dtype=dtype).chunk(2, dim=-1)))
        both = draw(3, 4, 2, 10, dtype=dtype).transpose(0, 1)
        prove("swiglu", backend, [both[:, :, 0], both[:, :, 1]])


@pytest.mark.parametrize("backend", BACKENDS)
def test_far_from_zero_it_is_a_gate(backend: str) -> None:
    gate = torch.tensor([[-1e30, -200.0, -90.0, 0.0, 90.0, 200.0, 1e30]])
    gate = gate.requires_grad_()
    y = operation("swiglu", backend)(gate, torch.ones_like(gate))
    (gradient,) = torch.autograd.grad(y.sum(), gate)
    torch.testing.assert_close(y, gate.clamp(min=0.0), rtol=1e-6, atol=1e-30)
    expected = torch.tensor([[0.0, 0.0, 0.0, 0.5, 1.0, 1.0, 1.0]])
    torch.testing.assert_close(gradient, expected, rtol=1e-6, atol=1e-30)


@pytest.mark.parametrize("backend", BACKENDS)
def test_opcheck(backend: str) -> None:
    opcheck("swiglu", backend, (draw(5, 12).requires_grad_(), draw(5, 12, seed=1).requires_grad_()))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32], ids=str)
@pytest.mark.parametrize("tile", [64, 2**18])
def test_traffic_is_the_least_possible(
    tile: int, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minillama.kernels.triton.tiles.INTERPRETED_TILE", tile)
    dy, gate, up = (draw(9, 100, dtype=dtype, seed=seed) for seed in range(3))
    for run, tensors in ((lambda: raw.swiglu(gate, up), 3), (lambda: raw.swiglu_backward(dy, gate, up), 5)):
        with measured() as meter:
            run()
        total = meter.total
        assert total.moved == total.moved_once == tensors * 900 * dtype.itemsize
        assert total.programs == (9 * 2 if tile == 64 else 1)
        assert meter.races == []


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32], ids=str)
def test_stores_stay_inside_and_reach_everything(dtype: torch.dtype) -> None:
    gate, up = spread(draw(5, 123, dtype=dtype)), spread(draw(5, 123, dtype=dtype, seed=1))
    with canaries():
        outputs = [raw.swiglu(gate, up), *raw.swiglu_backward(gate, gate, up)]
    assert not any(y.isnan().any() for y in outputs)
