"""The switch between backends, and the eager operations against their formulas in float64."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from minillama import kernels
from minillama.kernels import eager, ops


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_operations_come_from_the_backend_in_use() -> None:
    kernels.use("eager")
    assert kernels.backend() == "eager"
    for name in ops.OPERATIONS:
        assert getattr(ops, name) is getattr(eager, name)


@pytest.mark.error_contract
def test_a_backend_that_cannot_run_is_an_error_and_changes_nothing() -> None:
    kernels.use("eager")
    with pytest.raises(ValueError, match="unknown backend 'fast': expected one of auto, eager"):
        kernels.use("fast")
    with pytest.raises(ValueError, match="backend 'triton' cannot run here: "):
        kernels.use("triton")
    assert kernels.backend() == "eager"
    with pytest.raises(AttributeError, match="no operation 'conv'"):
        ops.conv  # noqa: B018


def test_the_environment_chooses_at_start() -> None:
    code = "from minillama import kernels; print(kernels.backend())"
    for name, status, said in (
        ("eager", 0, "eager"),
        ("auto", 0, "cpp"),
        ("nonsense", 1, "unknown backend"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"MINILLAMA_BACKEND": name},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == status
        assert said in (done.stdout if status == 0 else done.stderr)


def test_rms_norm_is_its_formula() -> None:
    x, weight = draw(3, 5, 7), draw(7, seed=1)
    expected = x / (x.square().mean(-1, keepdim=True) + 1e-5).sqrt() * weight
    torch.testing.assert_close(ops.rms_norm(x, weight, 1e-5), expected, rtol=1e-12, atol=1e-12)


def test_rope_turns_each_pair_as_a_complex_number() -> None:
    q, k, angles = draw(2, 6, 5, 8), draw(2, 3, 5, 8, seed=2), draw(5, 4, seed=1)
    for x, found in zip((q, k), ops.rope(q, k, angles.cos(), angles.sin()), strict=True):
        turned = torch.complex(x[..., :4], x[..., 4:]) * torch.polar(torch.ones_like(angles), angles)
        expected = torch.cat([turned.real, turned.imag], dim=-1)
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("n_kv_heads", [1, 2, 6])
def test_attention_head_by_head(n_kv_heads: int) -> None:
    q, k, v = draw(2, 6, 5, 4), draw(2, n_kv_heads, 5, 4, seed=1), draw(2, n_kv_heads, 5, 4, seed=2)
    mixed = ops.attention(q, k, v, None)
    for head in range(6):
        source = head // (6 // n_kv_heads)
        for t in range(5):
            p = (q[:, head, t, None] * k[:, source, : t + 1]).sum(-1).div(2.0).softmax(-1)  # sqrt(4) = 2
            expected = (p[:, :, None] * v[:, source, : t + 1]).sum(1)
            torch.testing.assert_close(mixed[:, head, t], expected, rtol=1e-12, atol=1e-12)


def test_swiglu_and_cross_entropy_are_their_formulas() -> None:
    gate, up = draw(3, 4), draw(3, 4, seed=1)
    torch.testing.assert_close(ops.swiglu(gate, up), gate / (1 + (-gate).exp()) * up, rtol=1e-12, atol=1e-12)
    logits, targets = draw(4, 9), torch.tensor([3, -100, 8, 0])
    nats = [logits[i].exp().sum().log() - logits[i, targets[i]] for i in (0, 2, 3)]
    squares = [logits[i].logsumexp(-1) ** 2 for i in (0, 2, 3)]
    loss, found = ops.cross_entropy(logits, targets, z_loss=0.01)
    torch.testing.assert_close(found, sum(nats), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(loss, sum(nats) + 0.01 * sum(squares), rtol=1e-12, atol=1e-12)


def test_an_observer_hears_its_block_and_no_more() -> None:
    heard, unobserved = list[str](), ops.swiglu
    x = torch.ones(1, 2)
    with ops.observed(lambda name, output: heard.append(f"outer {name}")):
        with ops.observed(lambda name, output: heard.append(f"inner {name}")):
            ops.swiglu(x, x)
        ops.rms_norm(x, x[0], eps=1e-5)
    ops.swiglu(x, x)
    assert heard == ["inner swiglu", "outer rms_norm"]
    with pytest.raises(ZeroDivisionError), ops.observed(lambda name, output: 1 / 0):
        ops.swiglu(x, x)
    assert ops.swiglu is unobserved
