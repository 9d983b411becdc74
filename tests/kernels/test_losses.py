"""Cross-entropy of the fused backends, alone and with its linear layer: values, traffic, memory, in place."""

from __future__ import annotations

import pytest
import torch
from kernels.proofs import BACKENDS, DTYPES, canaries, draw, opcheck, operation, prove, spread, strict

from minillama.kernels import cpu, eager
from minillama.kernels import triton as raw
from minillama.kernels.memory import LiveMemory
from minillama.kernels.operators.losses import in_chunks
from minillama.kernels.traffic import measured


def targets(n: int, vocab_size: int) -> torch.Tensor:
    wanted = torch.randint(vocab_size, (n,), generator=torch.Generator().manual_seed(3))
    wanted[1::4] = eager.IGNORE_INDEX
    return wanted


@pytest.mark.parametrize("z_loss", [0.0, 0.01])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(5, 123), (300, 17), (1, 2), (3, 4099)], ids=str)
@pytest.mark.parametrize("backend", BACKENDS)
def test_values_and_gradients(
    backend: str, shape: tuple[int, int], dtype: torch.dtype, z_loss: float
) -> None:
    logits = draw(*shape, dtype=dtype)
    prove("cross_entropy", backend, [logits, targets(*shape), z_loss])
    prove("cross_entropy", backend, [spread(logits), targets(*shape), z_loss])


@pytest.mark.parametrize("backend", BACKENDS)
def test_large_logits_and_rows_without_a_target(backend: str) -> None:
    prove("cross_entropy", backend, [draw(4, 33, scale=1e4), targets(4, 33), 0.0])
    nothing = torch.full((4,), eager.IGNORE_INDEX)
    logits = draw(4, 33).requires_grad_()
    loss, nats = operation("cross_entropy", backend)(logits, nothing, 0.01)
    loss.backward()
    assert loss == nats == 0.0
    assert torch.equal(logits.grad, torch.zeros(4, 33))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_likely_target_among_large_logits_keeps_its_digits(backend: str) -> None:
    logits = torch.full((1, 50), 4096.0)
    logits[0, 7] += 8  # log Z - logit, both of them rounded to 2**-11, would be off by a hundredth
    loss, _ = operation("cross_entropy", backend)(logits, torch.tensor([7]))
    exact, _ = eager.cross_entropy(logits.double(), torch.tensor([7]))
    torch.testing.assert_close(loss.double(), exact, rtol=1e-4, atol=0.0)


@pytest.mark.parametrize("z_loss", [0.0, 0.01])
@pytest.mark.parametrize("at_once", [40, 2**24])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("backend", BACKENDS)
def test_the_linear_layer_in_chunks(
    backend: str, dtype: torch.dtype, at_once: int, z_loss: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(eager, "LOGITS_AT_ONCE", at_once)
    x, weight = draw(11, 7, dtype=dtype), draw(19, 7, dtype=dtype, seed=1)
    prove("linear_cross_entropy", backend, [x, weight, targets(11, 19), z_loss], through=dtype)


def test_the_linear_layer_in_float64(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eager, "LOGITS_AT_ONCE", 40)
    x, weight = draw(11, 7, dtype=torch.float64), draw(19, 7, dtype=torch.float64, seed=1)
    prove("linear_cross_entropy", "cpp", [x, weight, targets(11, 19), 0.01])


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_loss_scaled_and_used_twice(backend: str) -> None:
    x, weight, wanted = draw(11, 7), draw(19, 7, seed=1), targets(11, 19)
    inputs = x.requires_grad_(), weight.requires_grad_()
    found, exact = [], []
    for function, dtype, into in (
        (operation("linear_cross_entropy", backend), torch.float32, found),
        (eager.linear_cross_entropy, torch.float64, exact),
    ):
        loss, _ = function(*(t.to(dtype) for t in inputs), wanted)
        into += torch.autograd.grad(0.25 * loss + loss.log(), inputs)
    logits = draw(11, 19, seed=2).requires_grad_()
    loss, _ = operation("cross_entropy", backend)(logits, wanted)
    found += torch.autograd.grad(0.25 * loss + loss.log() + logits.exp().sum(), logits)  # logits: used again
    loss, _ = eager.cross_entropy(logits.double(), wanted)
    exact += torch.autograd.grad(0.25 * loss + loss.log() + logits.double().exp().sum(), logits)
    for gradient, truth in zip(found, exact, strict=True):
        torch.testing.assert_close(gradient, truth, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_weights_gradient_is_summed_in_float32(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    N, C, V = 600, 8, 16
    monkeypatch.setattr(eager, "LOGITS_AT_ONCE", V)  # 600 chunks of one row
    x, weight = draw(N, C, dtype=torch.bfloat16).abs() + 1, draw(V, C, dtype=torch.bfloat16, seed=1)
    wanted = torch.arange(N) % 2  # the same two rows of the gradient grow, chunk after chunk
    leaf = weight.requires_grad_()
    loss, _ = operation("linear_cross_entropy", backend)(x, leaf, wanted)
    (found,) = torch.autograd.grad(loss, leaf)
    exact = (weight.double() @ x.double().T).T.softmax(-1)
    exact[torch.arange(N), wanted] -= 1
    narrow = torch.zeros_like(weight)
    for row, some_x in zip(exact.bfloat16(), x, strict=True):
        narrow = narrow + torch.outer(row, some_x)  # what the sum would be in bfloat16
    truth = exact.T @ x.double()
    error, of_narrow = (
        ((y.double() - truth).abs().max() / truth.abs().max()).item() for y in (found, narrow)
    )
    assert error < 2**-7 < 0.02 < of_narrow


@pytest.mark.parametrize("backend", BACKENDS)
def test_opcheck(backend: str) -> None:
    opcheck("cross_entropy", backend, (draw(5, 9).requires_grad_(), targets(5, 9), 0.01))
    x, weight = draw(5, 4).requires_grad_(), draw(9, 4, seed=1).requires_grad_()
    opcheck("linear_cross_entropy", backend, (x, weight, targets(5, 9), 0.01, True))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32], ids=str)
@pytest.mark.parametrize("tile", [64, 2**18])
def test_traffic_is_the_least_possible(
    tile: int, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minillama.kernels.triton.tiles.INTERPRETED_TILE", tile)
    N, V, b = 9, 300, dtype.itemsize
    logits, wanted = spread(draw(N, V, dtype=dtype)), targets(N, V)
    M = int((wanted != eager.IGNORE_INDEX).sum())
    with measured() as meter:
        _, log_z = raw.cross_entropy(logits, wanted)
    check = meter["cross_entropy_forward"]
    assert (check.read, check.written) == (N * V * b + M * b + 8 * N, 8 * N)
    assert check.read_once == N * V * b + 8 * N  # the target's logit is one of them
    assert check.programs == (9 if tile == 64 else 1)
    with measured() as backward:
        raw.cross_entropy_backward(torch.ones(()), logits, wanted, log_z, 0.01, logits)
    check, P = backward["cross_entropy_gradient"], -(-V // 64) if tile == 64 else 1
    assert check.read == M * V * b + 8 * N * P + 4 * M * P + 4 * check.programs
    assert check.read_once == M * V * b + 8 * N + 4 * M + 4
    assert check.written == check.written_once == N * V * b
    assert check.programs == (9 * P if tile == 64 else 1)
    assert meter.races == backward.races == []


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32], ids=str)
def test_stores_stay_inside_and_reach_everything(dtype: torch.dtype) -> None:
    logits, wanted, out = (
        spread(draw(5, 123, dtype=dtype)),
        targets(5, 123),
        spread(draw(5, 123, dtype=dtype)),
    )
    gaps = out.as_strided((4, 7), (130, 1), out.storage_offset() + 123)
    gaps.fill_(7.0)
    with strict(), canaries():
        nats, log_z = raw.cross_entropy(logits, wanted)
        raw.cross_entropy_backward(torch.ones(()), logits, wanted, log_z, 0.0, out)
    assert not any(y.isnan().any() for y in (nats, log_z, out))
    assert torch.equal(gaps, torch.full_like(gaps, 7.0))
    torch.testing.assert_close(log_z, logits.float().logsumexp(-1), rtol=1e-6, atol=1e-6)
    raw.cross_entropy_backward(torch.ones(()), logits, wanted, log_z, 0.0, logits)  # in place
    assert torch.equal(logits, out)


def test_minus_infinity_is_a_token_that_cannot_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minillama.kernels.triton.tiles.INTERPRETED_TILE", 16)
    logits = draw(3, 150)
    logits[:, :100] = -torch.inf  # more than the first tile of the loop
    prove("cross_entropy", "triton-interpret", [logits, torch.tensor([100, 149, -100])])


def test_rows_farther_apart_than_32_bits_count() -> None:
    far = torch.empty(2**31 + 64, dtype=torch.float16)  # address space alone: few of its pages are touched
    logits, near, wanted = (
        far.as_strided((3, 33), (2**30, 1)),
        draw(3, 33, dtype=torch.float16),
        targets(3, 33),
    )
    logits.copy_(near)
    for x in (logits, near):
        _, log_z = raw.cross_entropy(x, wanted)
        raw.cross_entropy_backward(torch.ones(()), x, wanted, log_z, 0.0, x)
    assert torch.equal(logits, near)


def test_no_more_logits_live_than_a_chunk() -> None:
    N, C, V, rows = 96, 16, 1000, 8
    x, weight, wanted = draw(N, C), draw(V, C, seed=1), targets(N, V)
    with LiveMemory() as memory:
        in_chunks(raw, x, weight, wanted, 0.0, True, rows * V)
    gradients_and_chunk = 4 * (V * C + N * C + rows * V)
    assert 0 <= memory.peak - gradients_and_chunk < 64 * N  # numbers of a row
    assert memory.largest == 4 * V * C


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_way_back_makes_one_scaled_copy_of_each_gradient(backend: str) -> None:
    N, C, V = 96, 16, 1000
    x, weight = draw(N, C).requires_grad_(), draw(V, C, seed=1).requires_grad_()
    with LiveMemory() as memory:
        loss, _ = operation("linear_cross_entropy", backend)(x, weight, targets(N, V))
        memory.peak = memory.now
        loss.backward()
    assert 0 <= memory.peak - 2 * 4 * (V * C + N * C) < 64 * N


@pytest.mark.error_contract
def test_no_rows_are_refused() -> None:
    with pytest.raises(ValueError, match=r"logits has shape \(0, 9\): expected one axis or more, none of 0"):
        operation("cross_entropy", "triton-interpret")(draw(0, 9), torch.empty(0, dtype=torch.int64))


def test_a_target_that_is_no_token_shows_as_nan_where_nobody_looked_at_it() -> None:
    logits, wanted = draw(4, 9), torch.tensor([0, 9, -100, -1])
    nats, log_z = raw.cross_entropy(logits, wanted)
    assert nats.isnan().tolist() == [False, True, False, True]
    raw.cross_entropy_backward(torch.ones(()), logits, wanted, log_z, 0.0, logits)
    assert logits.isnan().any(-1).tolist() == [False, True, False, True]


@pytest.mark.error_contract
def test_the_c_kernel_reads_nothing_at_a_target_that_is_no_token() -> None:
    with pytest.raises(ValueError, match="1 of 3 targets are no tokens: expected 0 to 8, or -100"):
        cpu.cross_entropy(draw(3, 9), torch.tensor([0, 9, -100]))
