"""Attention of the C backend: values, gradients, masks, layouts, what is left to PyTorch."""

from __future__ import annotations

import pytest
import torch
from kernels.proofs import canaries, draw, opcheck, operation, prove, spread
from torch import Tensor

from minillama import kernels
from minillama.kernels import cpu, eager

SHAPES = [
    (2, 4, 2, 37, 37, 16),
    (1, 6, 2, 21, 43, 20),
    (1, 2, 2, 33, 40, 128),
    (1, 3, 1, 16, 17, 5),
    (2, 2, 1, 65, 65, 64),
    (1, 1, 1, 16, 16, 1),
]  # B, H, K, T, S, D
FLOATS = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)


def inputs(
    B: int, H: int, K: int, T: int, S: int, D: int, dtype: torch.dtype = torch.float32
) -> tuple[Tensor, Tensor, Tensor]:
    q = draw(B, H, T, D, dtype=dtype)
    return q, draw(B, K, S, D, dtype=dtype, seed=1), draw(B, K, S, D, dtype=dtype, seed=2)


def firsts() -> dict[str, Tensor]:
    """First keys of 37 queries on 37 keys: windows, documents that differ by sequence, any order."""
    documents = torch.zeros(2, 37, dtype=torch.int32)
    for b in range(2):
        for cut in (7 + b, 27 - b):
            documents[b, cut:] = cut
    anywhere = torch.randint(0, 30, (37,), generator=torch.Generator().manual_seed(5))
    return {
        "window": torch.arange(37) - 8,  # negative at the beginning
        "documents": documents,
        "any order": anywhere.minimum(torch.arange(37)),
    }


@FLOATS
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_values_and_gradients(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    B, H, K, T, S, D = shape
    prove("attention", "cpp", inputs(B, H, K, T, S, D, dtype))


@FLOATS
@pytest.mark.parametrize("first", firsts().values(), ids=firsts())
def test_masks(first: Tensor, dtype: torch.dtype) -> None:
    prove("attention", "cpp", [*inputs(2, 4, 2, 37, 37, 16, dtype), first])


def test_a_query_that_sees_nothing_gets_zeros_and_gives_no_gradient() -> None:
    q, k, v = inputs(1, 2, 1, 37, 37, 16)
    first = torch.zeros(37, dtype=torch.int64)
    first[[0, 18, 19]] = 30
    first[36] = 2**31 - 1
    q.requires_grad_()
    out = operation("attention", "cpp")(q, k, v, first)
    (dq,) = torch.autograd.grad(out.square().sum(), q)
    for x in (out, dq):
        assert not x[:, :, [0, 18, 19, 36]].any()
        assert x[:, :, 20].all()
    first[:] = 37
    assert not operation("attention", "cpp")(q, k, v, first).any()


def test_layouts() -> None:
    q, k, v = inputs(2, 4, 2, 38, 43, 20)
    heads_last = [x.transpose(1, 2).contiguous().transpose(1, 2) for x in (q, k, v)]
    prove("attention", "cpp", heads_last)
    prove("attention", "cpp", [spread(q), spread(k), spread(v)])
    prove("attention", "cpp", [q[:, :, ::2], k[:, :, 1:], v[:, :, :-1]])
    assert operation("attention", "cpp")(*heads_last).stride() == heads_last[0].stride()


@pytest.mark.parametrize("first", [None, firsts()["documents"]], ids=["causal", "documents"])
def test_every_number_is_written_and_nothing_beside_it(first: Tensor | None) -> None:
    q, k, v = inputs(2, 4, 2, 37, 37, 20)
    dout = draw(2, 4, 37, 20, seed=3)
    with canaries():
        out, lse = cpu.attention(q, k, v, first)
        gradients = cpu.attention_backward(dout, q, k, v, first, out, lse)
    for x in (out, lse, *gradients):
        assert not x.isnan().any()


def test_large_scores_neither_overflow_nor_lose_the_largest() -> None:
    q, k, v = inputs(1, 1, 1, 37, 37, 16)
    out = operation("attention", "cpp")(q * 100, k * 100, v)  # scores of some ten thousand
    exact = eager.attention(q.double() * 100, k.double() * 100, v.double())
    # float32 scores of 1e4 are 5e-4 apart at most, and so are the relative errors of the weights
    torch.testing.assert_close(out.double(), exact, rtol=0, atol=5e-3)


def test_what_is_not_a_number_does_not_vanish() -> None:
    q, k, v = inputs(1, 1, 1, 37, 37, 16)
    k[0, 0, 20, 3] = float("nan")
    out = operation("attention", "cpp")(q, k, v)
    assert not out[:, :, :20].isnan().any()
    assert out[:, :, 20:].isnan().all()


def test_the_log_of_the_sums() -> None:
    q, k, v = inputs(1, 2, 1, 21, 37, 16)
    _, lse = cpu.attention(q, k, v, None)
    s = q.double() @ k.double().repeat_interleave(2, 1).mT / 4
    s = s.masked_fill(~torch.ones(21, 37, dtype=torch.bool).tril(16), -torch.inf)
    torch.testing.assert_close(lse.double(), s.logsumexp(-1), rtol=1e-6, atol=1e-6)


def test_as_many_bits_on_two_threads_as_on_one() -> None:
    q, k, v = (x.requires_grad_() for x in inputs(3, 4, 2, 37, 37, 16))
    attention, before, runs = operation("attention", "cpp"), torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            out = attention(q, k, v)
            runs.append([out, *torch.autograd.grad(out.square().sum(), (q, k, v))])
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(*runs, strict=True))


def test_opcheck() -> None:
    q, k, v = (x.requires_grad_() for x in inputs(1, 2, 1, 17, 19, 8))
    opcheck("attention", "cpp", (q, k, v, None))
    opcheck("attention", "cpp", (q, k, v, (torch.arange(17) - 3)[None].to(torch.int32)))


@pytest.mark.parametrize(
    ("T", "dtype"), [(15, torch.float32), (37, torch.bfloat16), (37, torch.float16)], ids=str
)
def test_few_queries_and_16_bits_are_pytorchs(
    T: int, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[torch.Size] = []
    eagers = eager.attention

    def heard(*tensors: Tensor) -> Tensor:
        asked.append(tensors[0].shape)
        return eagers(*tensors)

    kernels.use("cpp")
    monkeypatch.setattr(eager, "attention", heard)
    attention = operation("attention", "cpp")
    attention(*inputs(1, 2, 1, T, 37, 8, dtype))
    assert asked == [(1, 2, T, 8)]
    attention(*inputs(1, 2, 1, 16, 37, 8))
    assert len(asked) == 1
