"""RoPE of the fused backends on queries and keys together: values, layouts, traffic, races."""

from __future__ import annotations

from importlib import import_module

import pytest
import torch
from kernels.proofs import BACKENDS, DTYPES, canaries, draw, opcheck, operation, prove, spread
from torch import Tensor

from minillama.kernels import triton as raw
from minillama.kernels.traffic import measured

SHAPES = [(2, 6, 3, 5, 16), (1, 1, 1, 1, 2), (3, 4, 1, 7, 10), (1, 9, 3, 33, 64)]  # B, H, K, T, D


def tables(T: int, D: int, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    angles = draw(T, D // 2, seed=7, scale=3.0)
    return angles.cos().to(dtype), angles.sin().to(dtype)


def heads_last(x: Tensor) -> Tensor:
    """Return `x` (B, N, T, D) as the model has it: a transposed (B, T, N, D)."""
    return x.transpose(1, 2).contiguous().transpose(1, 2)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("backend", BACKENDS)
def test_values_and_gradients(backend: str, shape: tuple[int, ...], dtype: torch.dtype) -> None:
    B, H, K, T, D = shape
    q, k = draw(B, H, T, D, dtype=dtype), draw(B, K, T, D, dtype=dtype, seed=1)
    prove("rope", backend, [q, k, *tables(T, D)], grad=(0, 1))
    prove("rope", backend, [heads_last(q), heads_last(k), *tables(T, D)], grad=(0, 1))


@pytest.mark.parametrize("backend", BACKENDS)
def test_gaps_slices_and_tables_in_the_heads_dtype(backend: str) -> None:
    q, k = draw(2, 6, 5, 16, dtype=torch.bfloat16), draw(2, 3, 5, 16, dtype=torch.bfloat16, seed=1)
    prove("rope", backend, [spread(q), spread(k), *map(spread, tables(5, 16))], grad=(0, 1))
    prove("rope", backend, [q[:, ::2, 1:], k[..., 1:, :], *tables(4, 16, torch.bfloat16)], grad=(0, 1))
    qkv = draw(2, 5, 9, 16)  # one projection's output, cut
    q, k = qkv[:, :, :6].transpose(1, 2), qkv[:, :, 6:].transpose(1, 2)
    prove("rope", backend, [q, k, *tables(5, 16)], grad=(0, 1))


@pytest.mark.parametrize("backend", BACKENDS)
def test_it_keeps_strides_and_lengths(backend: str) -> None:
    q, k = heads_last(draw(2, 6, 5, 16)), draw(2, 3, 5, 16, seed=1)
    turned = operation("rope", backend)(q, k, *tables(5, 16))
    for x, y in zip((q, k), turned, strict=True):
        assert y.stride() == x.stride()
        torch.testing.assert_close(y.norm(dim=-1), x.norm(dim=-1), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("backend", BACKENDS)
def test_opcheck(backend: str) -> None:
    q, k = draw(2, 4, 3, 8).requires_grad_(), draw(2, 2, 3, 8, seed=1).requires_grad_()
    opcheck("rope", backend, (q, k, *tables(3, 8), False))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32], ids=str)
@pytest.mark.parametrize("tile", [64, 2**18])
@pytest.mark.parametrize("groups", [1, 3])
def test_traffic_is_the_least_possible(
    groups: int, tile: int, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minillama.kernels.triton.tiles.INTERPRETED_TILE", tile)
    module = import_module("minillama.kernels.triton.rope")  # not the function of that name
    monkeypatch.setattr(module, "_groups", lambda tiles, heads: groups)
    B, H, K, T, D = 2, 6, 3, 5, 16
    q, k = draw(B, H, T, D, dtype=dtype), draw(B, K, T, D, dtype=dtype, seed=1)
    for inverse in (False, True):
        with measured() as meter:
            raw.rope(q, k, *tables(T, D), inverse)
        heads, angles = 2 * (q.numel() + k.numel()) * dtype.itemsize, 4 * D  # cos and sin of a position
        assert meter.total.moved == heads + groups * B * T * angles
        assert meter.total.moved_once == heads + T * angles
        assert meter.total.programs == groups * (5 if tile == 64 else 1)
        assert meter.races == []


def test_stores_stay_inside_and_reach_everything() -> None:
    q, k = heads_last(draw(2, 6, 5, 10)), draw(2, 3, 5, 10, seed=1)
    with canaries():
        outputs = raw.rope(q, k, *tables(5, 10), False)
    assert not any(y.isnan().any() for y in outputs)
