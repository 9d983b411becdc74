"""AdamW over many tensors: eager's against torch.optim's, the fused against eager's, in place."""

from __future__ import annotations

import pytest
import torch
from kernels.proofs import DTYPES, WITH_LOSSES, agree, draw, opcheck, operation
from torch import Tensor

from minillama.kernels import eager

SETTINGS = (3e-3, 0.9, 0.95, 1e-8, 0.1)
SHAPES = ((5, 123), (17,), (), (1, 2, 3), (70_001,))


def state(dtype: torch.dtype) -> list[list[Tensor]]:
    """Parameters, gradients, means, squares."""
    p, g, mean = ([draw(*s, dtype=dtype, seed=10 * k + i) for i, s in enumerate(SHAPES)] for k in range(3))
    return [p, g, mean, [draw(*s, dtype=dtype, seed=i).square() for i, s in enumerate(SHAPES)]]


def test_eager_is_torchs_own_over_five_steps() -> None:
    p, g, _, _ = state(torch.float64)
    means, squares = ([torch.zeros_like(x) for x in p] for _ in range(2))
    theirs = [x.clone().requires_grad_() for x in p]
    lr, beta1, beta2, eps, decay = SETTINGS
    optimizer = torch.optim.AdamW(theirs, lr=lr, betas=(beta1, beta2), eps=eps, weight_decay=decay)
    for step in range(1, 6):
        gradients = [x * step for x in g]
        eager.adamw(p, gradients, means, squares, step, *SETTINGS)
        for x, gradient in zip(theirs, gradients, strict=True):
            x.grad = gradient
        optimizer.step()
        torch.testing.assert_close(p, [x.detach() for x in theirs], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("backend", WITH_LOSSES)
def test_one_step_against_float64(backend: str, dtype: torch.dtype) -> None:
    found, plain = state(dtype), state(dtype)
    exact = [[x.double() for x in tensors] for tensors in state(dtype)]
    gradients = [x.clone() for x in found[1]]
    operation("adamw", backend)(*found, 7, *SETTINGS)
    eager.adamw(*plain, 7, *SETTINGS)
    eager.adamw(*exact, 7, *SETTINGS)
    for i, kind in enumerate(("parameters", "gradients", "means", "squares")):
        for j in range(len(SHAPES)):
            agree(found[i][j], exact[i][j], plain[i][j], f"{kind}[{j}]")
    assert all(torch.equal(a, b) for a, b in zip(gradients, found[1], strict=True))


@pytest.mark.parametrize("backend", WITH_LOSSES)
def test_opcheck(backend: str) -> None:
    opcheck("adamw", backend, (*state(torch.float32), 1, *SETTINGS))


@pytest.mark.error_contract
def test_mixed_dtypes_are_refused() -> None:
    p, g, mean, square = state(torch.float32)
    with pytest.raises(ValueError, match=r"a gradient of torch.bfloat16 .* the cpp backend expects one"):
        operation("adamw", "cpp")(p, [x.bfloat16() for x in g], mean, square, 1, *SETTINGS)
