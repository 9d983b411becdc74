"""Flash attention of the fused backends: values, gradients, skipped tiles, traffic, races, offsets."""

from __future__ import annotations

from importlib import import_module

import pytest
import torch
from kernels.proofs import DTYPES, WITH_ATTENTION, canaries, draw, opcheck, operation, prove, spread
from torch import Tensor

from minillama.kernels import triton as raw
from minillama.kernels.operators import Uncovered
from minillama.kernels.traffic import measured

SHAPES = [
    (2, 4, 2, 37, 37, 16),
    (1, 6, 2, 5, 43, 20),
    (1, 2, 2, 33, 40, 128),
    (1, 3, 1, 1, 17, 5),
]  # B, H, K, T, S, D


@pytest.fixture(params=[16, 256])
def tile(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Let tiles hold so many queries and keys."""
    module = import_module("minillama.kernels.triton.attention")  # not the function of that name
    monkeypatch.setattr(module, "INTERPRETED_TILE", request.param)
    return int(request.param)


def inputs(
    B: int, H: int, K: int, T: int, S: int, D: int, dtype: torch.dtype = torch.float32
) -> tuple[Tensor, Tensor, Tensor]:
    q = draw(B, H, T, D, dtype=dtype)
    return q, draw(B, K, S, D, dtype=dtype, seed=1), draw(B, K, S, D, dtype=dtype, seed=2)


def window(T: int, S: int, width: int) -> Tensor:
    """Return the first key of each query that sees `width` keys: negative at the beginning."""
    return torch.arange(S - T, S) - (width - 1)


def packed(B: int, T: int) -> Tensor:
    """Return the first keys of three documents in a row, cut elsewhere in each sequence."""
    first = torch.zeros(B, T, dtype=torch.int32)
    for b in range(B):
        for cut in (7 + b, 27 - b):
            first[b, cut:] = cut
    return first


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("backend", WITH_ATTENTION)
def test_values_and_gradients(backend: str, shape: tuple[int, ...], dtype: torch.dtype, tile: int) -> None:
    B, H, K, T, S, D = shape
    prove("attention", backend, inputs(B, H, K, T, S, D, dtype))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("width", [32, 64, 80, 96])
@pytest.mark.parametrize("backend", WITH_ATTENTION)
def test_head_widths_of_real_models(backend: str, width: int, dtype: torch.dtype) -> None:
    prove("attention", backend, inputs(1, 4, 2, 19, 19, width, dtype))
    prove("attention", backend, [*inputs(1, 2, 1, 7, 19, width, dtype), window(7, 19, 5)])


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("backend", WITH_ATTENTION)
def test_windows_and_packed_documents(backend: str, dtype: torch.dtype, tile: int) -> None:
    prove("attention", backend, [*inputs(2, 4, 2, 37, 37, 16, dtype), packed(2, 37)])
    prove("attention", backend, [*inputs(2, 2, 1, 21, 45, 16, dtype), window(21, 45, 9)])


@pytest.mark.parametrize("backend", WITH_ATTENTION)
def test_first_keys_in_any_order(backend: str, tile: int) -> None:
    first = torch.randint(0, 30, (37,), generator=torch.Generator().manual_seed(5))
    prove("attention", backend, [*inputs(1, 2, 1, 37, 37, 16), first.minimum(torch.arange(37))])


@pytest.mark.parametrize("backend", WITH_ATTENTION)
def test_a_query_that_sees_nothing_gets_zeros_and_gives_no_gradient(backend: str, tile: int) -> None:
    q, k, v = inputs(1, 2, 1, 37, 37, 16)
    first = torch.zeros(37, dtype=torch.int64)
    first[[0, 18, 19]] = 30
    q.requires_grad_()
    out = operation("attention", backend)(q, k, v, first)
    (dq,) = torch.autograd.grad(out.square().sum(), q)
    for x in (out, dq):
        assert not x[:, :, [0, 18, 19]].any()
        assert x[:, :, 20].all()
    prove("attention", backend, [*inputs(1, 2, 1, 37, 37, 16), first])


@pytest.mark.parametrize("backend", WITH_ATTENTION)
def test_layouts(backend: str) -> None:
    q, k, v = inputs(2, 4, 2, 9, 13, 20, torch.bfloat16)
    heads_last = [x.transpose(1, 2).contiguous().transpose(1, 2) for x in (q, k, v)]
    prove("attention", backend, heads_last)
    prove("attention", backend, [spread(q), spread(k), spread(v)])
    prove("attention", backend, [q[:, :, ::2], k[:, :, 1:], v[:, :, :-1]])
    out = operation("attention", backend)(*heads_last)
    assert out.stride() == heads_last[0].stride()


@pytest.mark.parametrize("backend", WITH_ATTENTION)
def test_large_scores_neither_overflow_nor_lose_the_largest(backend: str, tile: int) -> None:
    q, k, v = inputs(1, 1, 1, 37, 37, 16)
    out = operation("attention", backend)(q * 100, k * 100, v)  # scores of some ten thousand
    exact = (1e4 * q.double() @ k.double().mT / 4).masked_fill(
        ~torch.ones(37, 37, dtype=torch.bool).tril(), -torch.inf
    ).softmax(-1) @ v.double()
    # float32 scores of 1e4 are 5e-4 apart at most, and so are the relative errors of the weights
    torch.testing.assert_close(out.double(), exact, rtol=0, atol=5e-3)


@pytest.mark.parametrize("backend", WITH_ATTENTION)
def test_the_log_of_the_sums(backend: str, tile: int) -> None:
    q, k, v = inputs(1, 2, 1, 21, 37, 16)
    _, lse = raw.attention(q, k, v, None)
    s = q.double() @ k.double().repeat_interleave(2, 1).mT / 4
    s = s.masked_fill(~torch.ones(21, 37, dtype=torch.bool).tril(16), -torch.inf)
    torch.testing.assert_close(lse.double(), s.logsumexp(-1), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("backend", WITH_ATTENTION)
def test_opcheck(backend: str) -> None:
    q, k, v = (x.requires_grad_() for x in inputs(1, 2, 1, 5, 7, 8))
    opcheck("attention", backend, (q, k, v, None))
    opcheck("attention", backend, (q, k, v, window(5, 7, 3)[None].to(torch.int32)))


def keys_of(i: int, M: int, T: int, S: int, first: Tensor | None) -> int:
    """Return how many keys the queries of tile i may see, from the first of one to the last of another."""
    here = range(i * M, min((i + 1) * M, T))
    least = 0 if first is None else max(0, min(int(first[t]) for t in here))
    return S - T + here[-1] + 1 - least


def queries_of(j: int, N: int, T: int, S: int, first: Tensor | None) -> int:
    """Return how many queries lie between the first and the last that may see a key of tile j."""
    readers = [
        t
        for t in range(T)
        if S - T + t >= j * N and (first is None or int(first[t:].min()) < min((j + 1) * N, S))
    ]
    return len(readers)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("kind", ["causal", "window", "packed"])
def test_tiles_that_nobody_sees_are_never_loaded(kind: str, dtype: torch.dtype, tile: int) -> None:
    B, H, K, T, S, D = 2, 4, 2, 70, 83, 20
    if kind == "packed":
        S = T
    q, k, v = inputs(B, H, K, T, S, D, dtype)
    first = {"causal": None, "window": window(T, S, 9)[None].int(), "packed": packed(1, T)}[kind]
    row, plain = (None, 0) if first is None else (first[0], 1)
    M = min(tile, 128)
    keys = sum(keys_of(i, M, T, S, row) for i in range(-(-T // M)))
    queries = [queries_of(j, M, T, S, row) for j in range(-(-S // M))]
    with measured() as meter:
        out, lse = raw.attention(q, k, v, first)
        raw.attention_backward(q, q, k, v, first, out, lse)
    assert meter.races == []
    b, per_query = dtype.itemsize, plain * 4 * B * H * T
    check = meter["attention_forward"]
    assert check.read == B * H * (T * D * b + keys * 2 * D * b) + per_query
    assert check.written == check.written_once == B * H * (T * D * b + 4 * T)
    check = meter["attention_delta"]
    assert (check.read, check.written) == (B * H * 2 * T * D * b, B * H * 4 * T)
    check = meter["attention_dq"]
    assert check.read == B * H * (2 * T * D * b + 8 * T + keys * 2 * D * b) + per_query
    assert check.written == check.written_once == B * H * T * D * b
    check = meter["attention_dkv"]
    found = B * K * 2 * S * D * b + B * H * sum(queries) * (2 * D * b + 8)
    assert check.read == found + plain * 4 * (B * H * sum(queries) + B * K * len(queries))
    assert check.written == check.written_once == B * K * 2 * S * D * b


def test_stores_stay_inside_and_reach_everything(tile: int) -> None:
    q, k, v = (spread(x) for x in inputs(2, 4, 2, 21, 37, 20))
    with canaries():
        out, lse = raw.attention(q, k, v, None)
        gradients = raw.attention_backward(q, q, k, v, None, out, lse)
    assert not any(y.isnan().any() for y in (out, lse, *gradients))


def test_what_no_query_sees_does_not_matter(tile: int) -> None:
    q, k, v = inputs(1, 2, 1, 37, 37, 16)
    first = window(37, 37, 5)[None].int().clamp(min=3)  # nobody sees keys 0 to 2
    first[:, :3] = 3
    clean, _ = raw.attention(q, k, v, first)
    k[:, :, :3], v[:, :, :3] = 1e30, 1e30
    again, _ = raw.attention(q, k, v, first)
    assert torch.equal(clean, again)


def test_rows_farther_apart_than_32_bits_count() -> None:
    far = torch.empty(2**31 + 64, dtype=torch.float16)  # address space alone: few of its pages are touched
    views = [far.as_strided((1, 1, 3, 16), (0, 0, 2**30, 1), 16 * i) for i in range(3)]
    near = inputs(1, 1, 1, 3, 3, 16, torch.float16)
    for view, x in zip(views, near, strict=True):
        view.copy_(x)
    for found, expected in zip(both_ways(*views), both_ways(*near), strict=True):
        assert torch.equal(found, expected)


def both_ways(q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, ...]:
    out, lse = raw.attention(q, k, v, None)
    return out, lse, *raw.attention_backward(q, q, k, v, None, out, lse)


def test_heads_sum_in_the_kernel_without_another_buffer() -> None:
    q, k, v = inputs(1, 8, 2, 20, 20, 16)
    with measured() as meter:
        both_ways(q, k, v)
    assert set(meter.kernels) == {"attention_forward", "attention_delta", "attention_dq", "attention_dkv"}
    assert meter["attention_dkv"].written == 2 * k.nbytes


@pytest.mark.error_contract
@pytest.mark.parametrize("width", [129, 256])
def test_heads_that_no_tile_holds_are_refused(width: int) -> None:
    q = torch.zeros(1, 1, 2, width, requires_grad=True)
    with pytest.raises(Uncovered, match=rf"q has heads of width {width}: .* hold 128 at most; use eager"):
        operation("attention", "triton-interpret")(q, q, q)
