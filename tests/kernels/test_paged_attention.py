"""Decoding attention over a paged cache: values, parts, traffic, races, pages far apart."""

from __future__ import annotations

from importlib import import_module

import pytest
import torch
from kernels.proofs import DTYPES, WITH_ATTENTION, canaries, draw, opcheck, operation, prove, spread
from torch import Tensor

from minillama.kernels import triton as raw
from minillama.kernels.traffic import measured

SHAPES = [(4, 2, 16, 4), (3, 1, 20, 5), (2, 2, 128, 16), (20, 1, 8, 1)]  # H, K, D, page


@pytest.fixture(params=[16, 512])
def keys(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Let tiles hold so many keys."""
    module = import_module("minillama.kernels.triton.paged_attention")  # not the function of that name
    monkeypatch.setattr(module, "INTERPRETED_KEYS", request.param)
    return int(request.param)


def cache(
    H: int, K: int, D: int, page: int, longest: int, dtype: torch.dtype = torch.float32
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Return queries of three sequences, shuffled pages, and lengths: all, one, and some of a page."""
    M = -(-longest // page)
    shuffled = torch.randperm(3 * M + 2, generator=torch.Generator().manual_seed(3))
    pages = shuffled[: 3 * M].reshape(3, M).to(torch.int32)
    lengths = torch.tensor([longest, 1, longest // 2 + 1], dtype=torch.int32)
    k, v = (draw(len(shuffled), K, page, D, dtype=dtype, seed=seed) for seed in (1, 2))
    return draw(3, H, D, dtype=dtype), k, v, pages, lengths


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("backend", WITH_ATTENTION)
def test_values(backend: str, shape: tuple[int, ...], dtype: torch.dtype, keys: int) -> None:
    H, K, D, page = shape
    arguments = cache(H, K, D, page, 77, dtype)
    prove("paged_attention", backend, arguments, grad=())
    q, k, v, pages, lengths = arguments
    prove(
        "paged_attention", backend, [spread(q), spread(k), spread(v), pages.long(), lengths.long()], grad=()
    )


@pytest.mark.parametrize("backend", WITH_ATTENTION)
def test_pages_with_heads_last(backend: str) -> None:
    q, k, v, pages, lengths = cache(4, 2, 16, 4, 50)
    k, v = (x.transpose(1, 2).contiguous().transpose(1, 2) for x in (k, v))
    prove("paged_attention", backend, [q, k, v, pages, lengths], grad=())


@pytest.mark.parametrize("backend", WITH_ATTENTION)
def test_a_sequence_without_keys_gets_zeros(backend: str, keys: int) -> None:
    q, k, v, pages, lengths = cache(4, 2, 16, 4, 50)
    lengths[1] = 0
    out = operation("paged_attention", backend)(q, k, v, pages, lengths)
    assert not out[1].any()
    assert out[0].all()
    prove("paged_attention", backend, [q, k, v, pages, lengths], grad=())


@pytest.mark.parametrize("backend", WITH_ATTENTION)
def test_pages_beyond_a_sequences_length_are_not_read(backend: str, keys: int) -> None:
    q, k, v, pages, lengths = cache(4, 2, 16, 4, 50)
    clean = operation("paged_attention", backend)(q, k, v, pages, lengths)
    pages[1, 1:] = 2**30  # no such page
    k[pages[0, -1], :, 2:] = torch.nan  # 50 positions: two of the last page's four
    v[pages[0, -1], :, 2:] = torch.nan
    again = operation("paged_attention", backend)(q, k, v, pages, lengths)
    assert torch.equal(clean, again)


@pytest.mark.parametrize("backend", WITH_ATTENTION)
def test_opcheck(backend: str) -> None:
    opcheck("paged_attention", backend, cache(4, 2, 16, 4, 20))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_the_cache_is_read_once_for_all_heads_of_a_group(dtype: torch.dtype, keys: int) -> None:
    B, H, K, D, page, b = 3, 6, 2, 20, 5, dtype.itemsize
    q, k, v, pages, lengths = cache(H, K, D, page, 140, dtype)
    with measured() as meter:
        raw.paged_attention(q, k, v, pages, lengths)
    partial, join = meter["paged_attention_partial"], meter["attention_join"]
    parts = partial.programs // (B * K)
    assert parts == (5 if keys == 16 else 1)
    held = 0  # parts that have keys
    for length in lengths.tolist():
        tiles = -(-length // keys)
        held += -(-tiles // -(-tiles // parts))
    read = int(lengths.sum()) * K
    assert partial.read == read * (2 * D * b + 4) + held * H * D * b + B * K * parts * 4
    assert partial.written == partial.written_once == held * H * D * 4 + B * H * parts * 4
    assert join.moved == join.moved_once == B * H * parts * 4 + held * H * D * 4 + B * H * D * b
    assert meter.races == []


def test_stores_stay_inside(keys: int) -> None:
    with canaries():
        out = raw.paged_attention(*cache(4, 2, 20, 4, 50))
    assert not out.isnan().any()


def test_pages_farther_apart_than_32_bits_count() -> None:
    q, k, v, pages, lengths = cache(2, 1, 16, 4, 12, torch.float16)
    near = raw.paged_attention(q, k[:3], v[:3], pages.clamp(max=2), lengths)
    far = torch.empty(2**31 + 128, dtype=torch.float16)  # address space: few of its pages are touched
    views = [far.as_strided((3, 1, 4, 16), (2**30, 0, 16, 1), 64 * i) for i in range(2)]
    for view, x in zip(views, (k, v), strict=True):
        view.copy_(x[:3])
    assert torch.equal(raw.paged_attention(q, *views, pages.clamp(max=2), lengths), near)


@pytest.mark.error_contract
def test_heads_that_no_tile_holds_are_refused() -> None:
    arguments = cache(2, 1, 130, 4, 12)
    with pytest.raises(ValueError, match=r"heads of width 130: .* hold 128 at most"):
        operation("paged_attention", "triton-interpret")(*arguments)
