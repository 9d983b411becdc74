"""RMSNorm and add+RMSNorm of the fused backends: values, traffic, races, and what they leave alone."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

import pytest
import torch
from kernels.proofs import BACKENDS, DTYPES, canaries, draw, opcheck, operation, prove, spread
from torch import Tensor

from minillama.kernels import triton as raw
from minillama.kernels.traffic import measured

EPS = 1e-5
SHAPES = [(5, 123), (3, 7, 64), (300, 17), (1, 2)]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("backend", BACKENDS)
def test_values_and_gradients(backend: str, shape: tuple[int, ...], dtype: torch.dtype) -> None:
    x, weight = draw(*shape, dtype=dtype), draw(shape[-1], dtype=dtype, seed=1)
    residual = draw(*shape, dtype=dtype, seed=2)
    prove("rms_norm", backend, [x, weight, EPS])
    prove("add_rms_norm", backend, [x, residual, weight, EPS])


@pytest.mark.parametrize("backend", BACKENDS)
def test_rows_with_gaps_a_float32_weight_and_a_float32_stream(backend: str) -> None:
    for dtype in (torch.bfloat16, torch.float16):
        x, weight = draw(5, 123, dtype=dtype), draw(123, seed=1)
        prove("rms_norm", backend, [spread(x), spread(weight), EPS])
        prove("add_rms_norm", backend, [spread(x), spread(draw(5, 123, seed=2)), weight, EPS])
        prove("rms_norm", backend, [x[::2], weight, EPS])


@pytest.mark.parametrize("backend", BACKENDS)
def test_one_element_rows_large_values_and_zeros(backend: str) -> None:
    prove(
        "rms_norm", backend, [draw(9, 1), draw(1, seed=1), EPS], grad=(1,)
    )  # its x has gradient 0 but for eps
    prove("rms_norm", backend, [draw(4, 33, scale=1e4), draw(33, seed=1), EPS])
    prove("rms_norm", backend, [draw(4, 33, scale=1e-4), draw(33, seed=1), EPS])  # eps counts
    y = operation("rms_norm", backend)(torch.zeros(3, 8), torch.ones(8), EPS)
    assert torch.equal(y, torch.zeros(3, 8))


@pytest.mark.parametrize("backend", BACKENDS)
def test_opcheck(backend: str) -> None:
    x, weight = draw(5, 12).requires_grad_(), draw(12, seed=1).requires_grad_()
    opcheck("rms_norm", backend, (x, weight, EPS))
    opcheck("add_rms_norm", backend, (x, draw(5, 12, seed=2).requires_grad_(), weight, EPS))


def test_a_nan_stays_in_its_row() -> None:
    x, weight = draw(6, 12), draw(12, seed=1)
    clean = operation("rms_norm", "triton-interpret")(x, weight, EPS)
    x[2, 3] = float("nan")
    y = operation("rms_norm", "triton-interpret")(x, weight, EPS)
    assert y[2].isnan().all()
    assert torch.equal(y[[0, 1, 3, 4, 5]], clean[[0, 1, 3, 4, 5]])


def test_partial_sums_of_many_programs_are_the_weights_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    module = import_module("minillama.kernels.triton.rms_norm")  # not the function of that name
    monkeypatch.setattr("minillama.kernels.triton.tiles.INTERPRETED_TILE", 64)  # 2 rows: 33 tiles
    monkeypatch.setattr(module, "PARTIALS", 5)
    x, weight, residual = draw(65, 31), draw(31, seed=1), draw(65, 31, seed=2)
    with measured() as meter:
        prove("rms_norm", "triton-interpret", [x, weight, EPS])
        prove("add_rms_norm", "triton-interpret", [x, residual, weight, EPS])
    assert meter["rms_norm_forward"].programs == 2 * 33
    assert meter["rms_norm_gradient"].programs == 4 * 5
    assert meter.races == []


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32], ids=str)
@pytest.mark.parametrize("tile", [256, 2**18])
def test_traffic_is_the_least_possible(
    tile: int, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minillama.kernels.triton.tiles.INTERPRETED_TILE", tile)
    N, C, b = 37, 100, dtype.itemsize
    x, weight, rstd = draw(N, C, dtype=dtype), draw(C, dtype=dtype), draw(N)
    programs = -(-N // (tile // 128)) if tile == 256 else 1
    rows, weights, sums = N * C * b, C * b, programs * C * 4

    moved = _moved(lambda: raw.rms_norm(x, weight, EPS))
    assert moved == (rows + weights + rows + 4 * N, (programs - 1) * weights)
    moved = _moved(lambda: raw.add_rms_norm(x, x.clone(), weight, EPS))
    assert moved == (2 * rows + weights + 2 * rows + 4 * N, (programs - 1) * weights)
    moved = _moved(lambda: raw.rms_norm_backward(x, x.clone(), weight, rstd))
    assert moved == (3 * rows + 4 * N + weights + 2 * sums + weights, (programs - 1) * weights)
    moved = _moved(lambda: raw.add_rms_norm_backward(x, x.clone(), x.clone(), weight, rstd))
    assert moved == (4 * rows + 4 * N + weights + 2 * sums + weights, (programs - 1) * weights)


def _moved(run: Callable[[], object]) -> tuple[int, int]:
    """Return the bytes that `run` must move, each once, and those that programs read again."""
    with measured() as meter:
        run()
    assert meter.races == []
    assert meter.total.written == meter.total.written_once
    return meter.total.moved_once, meter.total.read - meter.total.read_once


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32], ids=str)
def test_stores_stay_inside_and_reach_everything(dtype: torch.dtype) -> None:
    x, weight, rstd = spread(draw(5, 123, dtype=dtype)), draw(123, dtype=dtype, seed=1), draw(5).exp()
    outputs: list[Tensor] = []
    with canaries():
        outputs += raw.rms_norm(x, weight, EPS)
        outputs += raw.add_rms_norm(x, spread(draw(5, 123, dtype=dtype, seed=2)), weight, EPS)
        outputs += raw.rms_norm_backward(x, x, weight, rstd)
        outputs += raw.add_rms_norm_backward(x, x, x, weight, rstd)
    assert not any(y.isnan().any() for y in outputs)


@pytest.mark.error_contract
def test_rows_that_no_program_holds_are_refused() -> None:
    x = torch.empty(1, 16385)
    with pytest.raises(ValueError, match=r"x has rows of 16385: .* holds 16384 elements at most"):
        operation("rms_norm", "triton-interpret")(x, x[0], EPS)
