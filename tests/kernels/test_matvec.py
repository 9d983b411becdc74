"""Products with matrices of 8 and of 4 bits: eager's against decoded weights, the fused against float64."""

from __future__ import annotations

import pytest
import torch
from kernels.proofs import DTYPES, WITH_LOSSES, draw, opcheck, operation, prove, spread
from torch import Tensor

from minillama.kernels import eager


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
@pytest.mark.parametrize("backend", WITH_LOSSES)
@pytest.mark.parametrize("N", [1, 3])
def test_values(backend: str, dtype: torch.dtype, N: int) -> None:
    x, scale = draw(N, 123, dtype=dtype), draw(45, seed=1)
    weight = bytes_(45, 130, torch.int8)[:, 3:126]  # rows with gaps
    prove("int8_matvec", backend, [spread(x), weight, scale], grad=())
    x, scale = draw(N, 96, dtype=dtype), draw(45, 3, dtype=torch.float16, seed=1)
    weight = bytes_(45, 60, torch.uint8)[:, 5:53]
    prove("int4_matvec", backend, [spread(x), weight, spread(scale)], grad=())


@pytest.mark.parametrize("backend", WITH_LOSSES)
def test_opcheck(backend: str) -> None:
    opcheck("int8_matvec", backend, (draw(2, 9), bytes_(5, 9, torch.int8), draw(5)))
    weight, scale = bytes_(5, 16, torch.uint8), draw(5, 1, dtype=torch.float16)
    opcheck("int4_matvec", backend, (draw(2, 32), weight, scale))


@pytest.mark.error_contract
def test_what_float32_sums_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match=r"x has dtype torch.float64: .* sum in float32"):
        operation("int8_matvec", "cpp")(draw(1, 9).double(), bytes_(5, 9, torch.int8), draw(5))
    with pytest.raises(ValueError, match=r"scale has dtype torch.float32: .* expects torch.float16"):
        operation("int4_matvec", "cpp")(draw(1, 32), bytes_(5, 16, torch.uint8), draw(5, 1))
