"""Attention's masks and the paged cache against loops in NumPy's float64: eager, Triton's kernels beside it.

The loops know neither tiles nor `first`: each query looks at each key and asks whether it may see it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from kernels.proofs import BACKSTOP, draw
from torch import Tensor

from minillama import kernels
from minillama.kernels import ops

KINDS = [("eager", torch.float64), ("eager", torch.float32), ("triton-interpret", torch.float32)]
every_kind = pytest.mark.parametrize(("backend", "dtype"), KINDS, ids=str)
Sees = Callable[[int, int, int], bool]
"""Whether in sequence b the query at position i may see the key at position j."""


def agrees(found: Tensor, exact: np.ndarray) -> None:
    """Assert equality up to the dtype's rounding, measured against the largest number."""
    error = np.abs(found.double().numpy() - exact).max() / np.abs(exact).max()
    assert error <= BACKSTOP[found.dtype], f"error {error:.2e}"


def average(q: np.ndarray, keys: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return one query's (D,) average of values (n, D) by the softmax of its scores; of nothing, zeros."""
    if not len(keys):
        return np.zeros_like(q)
    weights = np.array([np.exp(q @ key / np.sqrt(len(q))) for key in keys])
    return weights @ values / weights.sum()


def one_by_one(q: Tensor, k: Tensor, v: Tensor, sees: Sees) -> np.ndarray:
    """Attend from q (B, H, T, D), the last of the positions of k and v (B, K, S, D), query by query."""
    q, k, v = (x.double().numpy() for x in (q, k, v))
    out = np.zeros_like(q)
    B, H, T, _ = q.shape
    K, S = k.shape[1:3]
    for b, h, t in np.ndindex(B, H, T):
        i, shared = S - T + t, h // (H // K)
        keys = [j for j in range(S) if sees(b, i, j)]
        out[b, h, t] = average(q[b, h, t], k[b, shared, keys], v[b, shared, keys])
    return out


def inputs(T: int, S: int, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    return tuple(draw(2, n, L, 8, dtype=dtype, seed=i) for i, (n, L) in enumerate([(6, T), (2, S), (2, S)]))


@every_kind
@pytest.mark.parametrize("width", [1, 5, 23, 99])
def test_a_window(backend: str, dtype: torch.dtype, width: int) -> None:
    kernels.use(backend)
    q, k, v = inputs(17, 23, dtype)
    first = torch.arange(6, 23) - width + 1  # the queries stand at positions 6 to 22
    exact = one_by_one(q, k, v, lambda b, i, j: 0 <= i - j < width)
    agrees(ops.attention(q, k, v, first), exact)
    agrees(ops.attention(q, k, v, first.expand(2, 17)), exact)


@every_kind
def test_packed_documents(backend: str, dtype: torch.dtype) -> None:
    kernels.use(backend)
    q, k, v = inputs(23, 23, dtype)
    lengths = [[4, 1, 11, 7], [23]]
    document = [np.repeat(np.arange(len(row)), row) for row in lengths]
    first = torch.tensor(
        [[at for at, n in zip(np.cumsum([0, *row]), row, strict=False) for _ in range(n)] for row in lengths]
    )
    agrees(
        ops.attention(q, k, v, first),
        one_by_one(q, k, v, lambda b, i, j: j <= i and document[b][i] == document[b][j]),
    )


@every_kind
def test_packed_documents_in_a_window(backend: str, dtype: torch.dtype) -> None:
    kernels.use(backend)
    q, k, v = inputs(23, 23, dtype)
    starts = torch.tensor([0] * 9 + [9] * 14)
    exact = one_by_one(q, k, v, lambda b, i, j: (i < 9) == (j < 9) and 0 <= i - j < 4)
    agrees(ops.attention(q, k, v, starts.maximum(torch.arange(23) - 3)), exact)


@every_kind
def test_no_mask_and_queries_that_go_on_from_a_cache(backend: str, dtype: torch.dtype) -> None:
    kernels.use(backend)
    for T in (1, 6, 23):
        q, k, v = inputs(T, 23, dtype)
        agrees(ops.attention(q, k, v), one_by_one(q, k, v, lambda b, i, j: j <= i))


@pytest.mark.parametrize("heads", [1, 6])
def test_a_mask_of_booleans_hides_what_it_hides(heads: int) -> None:
    kernels.use("eager")
    q, k, v = inputs(17, 23, torch.float64)
    seen = torch.rand(2, heads, 17, 23, generator=torch.Generator().manual_seed(4)) < 0.4
    seen[:, :, 3] = False
    seen[:, :, 5, 22] = True  # ahead of its place, 11: booleans are all there is
    found = ops.attention(q, k, v, seen)
    for h in range(6):
        rows = seen[:, h % heads]
        exact = one_by_one(q, k, v, lambda b, i, j, rows=rows: bool(rows[b, i - 6, j]))
        np.testing.assert_allclose(found[:, h], exact[:, h], rtol=1e-12, atol=1e-13)


@every_kind
def test_a_cache_in_pages(backend: str, dtype: torch.dtype) -> None:
    kernels.use(backend)
    B, H, K, D, page, M = 4, 6, 2, 8, 3, 7
    rng = np.random.default_rng(2)
    pages = torch.from_numpy(rng.permutation(40)[: B * M].reshape(B, M))
    lengths = torch.tensor([21, 1, 10, 0])
    q, k, v = (draw(*s, dtype=dtype, seed=i) for i, s in enumerate([(B, H, D), *[(40, K, page, D)] * 2]))
    exact = np.zeros((B, H, D))
    for b, h in np.ndindex(B, H):
        places = [(pages[b, s // page], h // (H // K), s % page) for s in range(int(lengths[b]))]
        keys, values = ([x[place].double().numpy() for place in places] for x in (k, v))
        exact[b, h] = average(q[b, h].double().numpy(), np.array(keys), np.array(values).reshape(-1, D))
    for index in (torch.int64, torch.int32):
        agrees(ops.paged_attention(q, k, v, pages.to(index), lengths.to(index)), exact)


@every_kind
def test_what_lies_in_pages_beyond_a_sequences_length_is_nobodys_business(
    backend: str, dtype: torch.dtype
) -> None:
    kernels.use(backend)
    q, k, v = (draw(*s, dtype=dtype, seed=i) for i, s in enumerate([(2, 4, 8), *[(6, 2, 3, 8)] * 2]))
    pages, lengths = torch.tensor([[4, 0, 2], [1, 5, 3]]), torch.tensor([9, 2])
    clean = ops.paged_attention(q, k, v, pages, lengths)
    pages[1, 1:] = torch.tensor([-7, 2**30])  # no such pages
    k[1, :, 2], v[1, :, 2] = torch.nan, torch.inf  # of the second sequence's three places, two are taken
    assert torch.equal(ops.paged_attention(q, k, v, pages, lengths), clean)
