"""The trainer's AdamW against torch's: groups, steps that pass a parameter by, what its state is made of."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from minillama import kernels
from minillama.kernels import ops
from minillama.training.optimizer import adamw


class Small(nn.Module):
    def __init__(self, seed: int) -> None:
        super().__init__()
        self.embedding, self.linear = nn.Embedding(5, 3), nn.Linear(3, 4)
        generator = torch.Generator().manual_seed(seed)
        for parameter in self.parameters():
            parameter.data = torch.randn(parameter.shape, dtype=torch.float64, generator=generator)


def gradient(parameter: Tensor, step: int) -> Tensor:
    generator = torch.Generator().manual_seed(1000 * step + parameter.numel())
    return torch.randn(parameter.shape, dtype=torch.float64, generator=generator)


@pytest.mark.parametrize("backend", ["eager", "cpp"])
def test_it_is_torchs_where_a_parameter_misses_steps(backend: str) -> None:
    ours, theirs = Small(0), Small(0)
    optimizer = adamw(ours, 0.1, (0.8, 0.9), 1e-6, 0.3)
    named = dict(theirs.named_parameters())
    witness = torch.optim.AdamW(
        [
            {"params": [named["embedding.weight"], named["linear.weight"]], "weight_decay": 0.3},
            {"params": [named["linear.bias"]], "weight_decay": 0.0},
        ],
        lr=0.1, betas=(0.8, 0.9), eps=1e-6,
    )  # fmt: skip
    before = kernels.chosen()
    kernels.use(backend)
    try:
        for step in range(6):
            for model in (ours, theirs):
                for name, parameter in model.named_parameters():
                    missed = name == "linear.weight" and step in (0, 3)
                    parameter.grad = None if missed else gradient(parameter, step)
            optimizer.step()
            witness.step()
    finally:
        kernels.use(before)
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(parameter, named[name], rtol=1e-13, atol=1e-13)
        state, expected = optimizer.state[parameter], witness.state[named[name]]
        assert state.keys() == expected.keys()
        for key, value in state.items():
            torch.testing.assert_close(value, expected[key], rtol=1e-13, atol=1e-13)


def test_a_group_is_one_call_and_the_closure_comes_first() -> None:
    model = Small(1)
    optimizer, calls = adamw(model, 0.1), list[Any]()

    def closure() -> float:
        calls.append("closure")
        for parameter in model.parameters():
            parameter.grad = gradient(parameter, 0)
        return 7.0

    with ops.observed(lambda name, output: calls.append(name)):
        assert optimizer.step(closure) == 7.0
        optimizer.zero_grad()
        optimizer.step()
    assert calls == ["closure", "adamw", "adamw"]  # two groups; then no gradient, no call
