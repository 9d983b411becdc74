"""Products with matrices of 8 and of 4 bits: values by decoded weights, traffic, offsets, races."""

from __future__ import annotations

import pytest
import torch
from kernels.proofs import BACKENDS, DTYPES, canaries, draw, opcheck, operation, prove, spread, strict
from torch import Tensor

from minillama.kernels import eager
from minillama.kernels import triton as raw
from minillama.kernels.traffic import measured
from minillama.kernels.triton import matvec


def bytes_(rows: int, columns: int, dtype: torch.dtype) -> Tensor:
    info = torch.iinfo(dtype)
    generator = torch.Generator().manual_seed(5)
    return torch.randint(info.min, info.max + 1, (rows, columns), generator=generator).to(dtype)


def test_eager_weight_by_weight() -> None:
    packed, scale = bytes_(3, 32, torch.uint8), draw(3, 2, dtype=torch.float64)
    matrix = torch.zeros(3, 64, dtype=torch.float64)
    for o in range(3):
        for block in range(2):
            for j in range(16):
                byte = int(packed[o, 16 * block + j])
                matrix[o, 32 * block + j] = (byte % 16 - 8) * scale[o, block]
                matrix[o, 32 * block + 16 + j] = (byte // 16 - 8) * scale[o, block]
    x = draw(2, 64, dtype=torch.float64, seed=1)
    torch.testing.assert_close(eager.int4_matvec(x, packed, scale), x @ matrix.T, rtol=1e-12, atol=1e-12)
    whole, by_row = bytes_(3, 64, torch.int8), draw(3, dtype=torch.float64)
    expected = (x @ whole.double().T) * by_row
    torch.testing.assert_close(eager.int8_matvec(x, whole, by_row), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("N", [1, 3, 19])
def test_values(backend: str, dtype: torch.dtype, N: int) -> None:
    x, scale = draw(N, 123, dtype=dtype), draw(45, seed=1)
    weight = bytes_(45, 130, torch.int8)[:, 3:126]  # rows with gaps
    prove("int8_matvec", backend, [spread(x), weight, scale], grad=())
    x, scale = draw(N, 96, dtype=dtype), draw(45, 3, dtype=torch.float16, seed=1)
    weight = bytes_(45, 60, torch.uint8)[:, 5:53]
    prove("int4_matvec", backend, [spread(x), weight, spread(scale)], grad=())


@pytest.mark.parametrize("backend", BACKENDS)
def test_opcheck(backend: str) -> None:
    opcheck("int8_matvec", backend, (draw(2, 9), bytes_(5, 9, torch.int8), draw(5)))
    weight, scale = bytes_(5, 16, torch.uint8), draw(5, 1, dtype=torch.float16)
    opcheck("int4_matvec", backend, (draw(2, 32), weight, scale))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32], ids=str)
@pytest.mark.parametrize("N", [1, 11])
def test_traffic_is_a_byte_and_nine_sixteenths_of_one_for_each_weight(
    N: int, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matvec, "INTERPRETED_OUTPUTS", 16)
    monkeypatch.setattr(matvec, "COLUMNS", 64)
    inputs, outputs, b = 352, 45, dtype.itemsize
    x, again, along = draw(N, inputs, dtype=dtype), -(-N // matvec.rows_at_once(N)), -(-outputs // 16)
    for name, weight, scale in (
        ("int8_matvec", bytes_(outputs, inputs, torch.int8), draw(outputs)),
        (
            "int4_matvec",
            bytes_(outputs, inputs // 2, torch.uint8),
            draw(outputs, inputs // 32, dtype=torch.float16),
        ),
    ):
        with measured() as meter:
            getattr(raw, name)(x, weight, scale)
        check, weights = meter[f"{name}_kernel"], weight.nbytes + scale.nbytes
        assert check.read == again * weights + along * N * inputs * b
        assert check.read_once == weights + N * inputs * b
        assert check.written == check.written_once == N * outputs * b
        assert check.programs == again * along
        assert meter.races == []
    assert weights == 0.5625 * outputs * inputs


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32], ids=str)
def test_stores_stay_inside_and_reach_everything(dtype: torch.dtype) -> None:
    with strict(), canaries():
        y = raw.int8_matvec(spread(draw(3, 123, dtype=dtype)), bytes_(45, 123, torch.int8), draw(45))
        scale = spread(draw(45, 3, dtype=torch.float16))
        z = raw.int4_matvec(spread(draw(3, 96, dtype=dtype)), bytes_(45, 48, torch.uint8), scale)
    assert not y.isnan().any()
    assert not z.isnan().any()


def test_rows_farther_apart_than_32_bits_count() -> None:
    far = torch.empty(2**31 + 64, dtype=torch.int8)  # address space alone: few of its pages are touched
    near, x, scale = bytes_(3, 64, torch.int8), draw(2, 64), draw(3)
    weight = far.as_strided((3, 64), (2**30, 1))
    weight.copy_(near)
    assert torch.equal(raw.int8_matvec(x, weight, scale), raw.int8_matvec(x, near, scale))
    near, scale = near.view(torch.uint8)[:, :32].contiguous(), draw(3, 2, dtype=torch.float16)
    weight = far.view(torch.uint8).as_strided((3, 32), (2**30, 1))
    weight.copy_(near)
    assert torch.equal(raw.int4_matvec(x, weight, scale), raw.int4_matvec(x, near, scale))


@pytest.mark.error_contract
def test_no_rows_are_refused() -> None:
    with pytest.raises(ValueError, match=r"x has shape \(0, 9\): expected one axis or more, none of 0"):
        operation("int8_matvec", "triton-interpret")(draw(0, 9), bytes_(5, 9, torch.int8), draw(5))


@pytest.mark.error_contract
def test_what_float32_sums_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match=r"x has dtype torch.float64: .* in which it sums products"):
        operation("int8_matvec", "cpp")(draw(1, 9).double(), bytes_(5, 9, torch.int8), draw(5))
    with pytest.raises(ValueError, match=r"scale has dtype torch.float32: .* expects torch.float16"):
        operation("int4_matvec", "cpp")(draw(1, 32), bytes_(5, 16, torch.uint8), draw(5, 1))
