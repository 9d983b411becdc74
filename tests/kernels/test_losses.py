"""Cross-entropy of the fused backends, alone and with its linear layer: values, in place, bad targets."""

from __future__ import annotations

import pytest
import torch
from kernels.proofs import DTYPES, WITH_LOSSES, draw, opcheck, operation, prove, spread

from minillama.kernels import eager


def targets(n: int, vocab_size: int) -> torch.Tensor:
    wanted = torch.randint(vocab_size, (n,), generator=torch.Generator().manual_seed(3))
    wanted[1::4] = eager.IGNORE_INDEX
    return wanted


@pytest.mark.parametrize("z_loss", [0.0, 0.01])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(5, 123), (300, 17), (1, 2), (3, 4099)], ids=str)
@pytest.mark.parametrize("backend", WITH_LOSSES)
def test_values_and_gradients(
    backend: str, shape: tuple[int, int], dtype: torch.dtype, z_loss: float
) -> None:
    logits = draw(*shape, dtype=dtype)
    prove("cross_entropy", backend, [logits, targets(*shape), z_loss])
    prove("cross_entropy", backend, [spread(logits), targets(*shape), z_loss])


@pytest.mark.parametrize("backend", WITH_LOSSES)
def test_large_logits_and_rows_without_a_target(backend: str) -> None:
    prove("cross_entropy", backend, [draw(4, 33, scale=1e4), targets(4, 33), 0.0])
    nothing = torch.full((4,), eager.IGNORE_INDEX)
    logits = draw(4, 33).requires_grad_()
    loss, nats = operation("cross_entropy", backend)(logits, nothing, 0.01)
    loss.backward()
    assert loss == nats == 0.0
    assert torch.equal(logits.grad, torch.zeros(4, 33))


@pytest.mark.parametrize("at_once", [40, 2**24])
@pytest.mark.parametrize("backend", WITH_LOSSES)
def test_the_linear_layer_in_chunks(backend: str, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eager, "LOGITS_AT_ONCE", at_once)
    x, weight = draw(11, 7, dtype=torch.float64), draw(19, 7, dtype=torch.float64, seed=1)
    prove("linear_cross_entropy", backend, [x, weight, targets(11, 19), 0.01])
    prove("linear_cross_entropy", backend, [x.float(), weight.float(), targets(11, 19), 0.0])


@pytest.mark.parametrize("backend", WITH_LOSSES)
def test_opcheck(backend: str) -> None:
    opcheck("cross_entropy", backend, (draw(5, 9).requires_grad_(), targets(5, 9), 0.01))
    x, weight = draw(5, 4).requires_grad_(), draw(9, 4, seed=1).requires_grad_()
    opcheck("linear_cross_entropy", backend, (x, weight, targets(5, 9), 0.01, True))


@pytest.mark.error_contract
def test_a_target_that_is_no_token_is_refused() -> None:
    with pytest.raises(IndexError, match="1 of 3 targets are outside of 0 to 8, and not -100"):
        operation("cross_entropy", "cpp")(draw(3, 9), torch.tensor([0, 9, -100]))
