"""The C kernels beside eager PyTorch, and PyTorch's own way where there is another; forward and back.

In turns, so that all meet the same weather. Decoding over pages is left out: the C backend leaves it to
PyTorch. What the GPU kernels take stands beside Liger-Kernel's without being run.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import measuring
from .measuring import Figure

if TYPE_CHECKING:
    from torch import Tensor

N, C, H, K, D, F, V = 1024, 1024, 16, 4, 64, 2752, 8000
EPS = 1e-5
Run = Callable[[], object]


def figures() -> list[Figure]:
    """Time each operation of the table as each contestant computes it, in float32."""
    from ... import kernels

    before = kernels.chosen()
    try:
        contestants = {backend: _operations(backend) for backend in ("eager", "cpp")}
    finally:
        kernels.use(before)
    contestants["torch"] = _torch()
    found: list[Figure] = []
    for name in contestants["eager"]:
        runs = {who: run[name] for who, run in contestants.items() if name in run}
        times = _in_turns(runs)
        found += [(f"{name}, {who}", "ms", [1000 * t for t in values]) for who, values in times.items()]
        pairs = zip(times["eager"], times["cpp"], strict=True)
        found.append((f"{name}, eager / cpp", "times", [eager / ours for eager, ours in pairs]))
    return found


def _in_turns(runs: dict[str, Run]) -> dict[str, list[float]]:
    """Return the seconds of each run, one after another, after one round for warming up."""
    times: dict[str, list[float]] = {who: [] for who in runs}
    for turn in range(measuring.RUNS + 1):
        for who, run in runs.items():
            start = time.perf_counter()
            run()
            if turn:
                times[who].append(time.perf_counter() - start)
    return times


def _draw(*shape: int, seed: int = 0) -> Tensor:
    import torch

    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).requires_grad_()


def _there_and_back(function: Callable[..., Any], *arguments: Any) -> Run:
    """Return a run of `function` and of its backward pass, gradients of ones."""
    import torch

    inputs = [a for a in arguments if isinstance(a, torch.Tensor) and a.requires_grad]

    def run() -> None:
        found = function(*arguments)
        outputs = [y for y in (found if isinstance(found, tuple) else (found,)) if y.requires_grad]
        torch.autograd.grad(outputs, inputs, [torch.ones_like(y) for y in outputs])

    return run


def _targets() -> Tensor:
    import torch

    return torch.arange(N) % V


def _operations(backend: str) -> dict[str, Run]:
    """Return what is timed, on a backend of the operation table."""
    import torch

    from ... import kernels
    from ...kernels import ops
    from ...kernels.eager import INT4_BLOCK

    kernels.use(backend)
    q, k, v = (_draw(1, N, heads, D).transpose(1, 2) for heads in (H, K, K))
    angles = torch.linspace(0, 6, N * D // 2).view(N, D // 2)
    int8, int4 = torch.ones(4 * C, C, dtype=torch.int8), torch.ones(4 * C, C // 2, dtype=torch.uint8)
    row, scales = torch.ones(1, C), torch.ones(4 * C)
    blocks = torch.ones(4 * C, C // INT4_BLOCK, dtype=torch.float16)
    kept = [[_draw(C, C, seed=seed).detach().abs()] for seed in range(4)]
    int8_matvec, int4_matvec, adamw = ops.int8_matvec, ops.int4_matvec, ops.adamw
    return {
        "rms_norm": _there_and_back(ops.rms_norm, _draw(N, C), _draw(C), EPS),
        "add_rms_norm": _there_and_back(ops.add_rms_norm, _draw(N, C), _draw(N, C), _draw(C), EPS),
        "rope": _there_and_back(ops.rope, q, k, angles.cos(), angles.sin()),
        "attention": _there_and_back(ops.attention, q, k, v),
        "swiglu": _there_and_back(ops.swiglu, _draw(N, F), _draw(N, F)),
        "cross_entropy": _there_and_back(ops.cross_entropy, _draw(N, V), _targets()),
        "linear_cross_entropy": _there_and_back(
            ops.linear_cross_entropy, _draw(N, C), _draw(V, C), _targets()
        ),
        "int8_matvec": lambda: int8_matvec(row, int8, scales),
        "int4_matvec": lambda: int4_matvec(row, int4, blocks),
        "adamw": lambda: adamw(*kept, 10, 3e-4, 0.9, 0.95, 1e-8, 0.1),
    }


def _torch() -> dict[str, Run]:
    """Return PyTorch's own where eager is another: float32 weights, logits whole, a fused optimiser."""
    import torch
    from torch.nn import functional

    weight, row = torch.ones(4 * C, C), torch.ones(1, C)
    parameter = torch.nn.Parameter(_draw(C, C).detach())
    parameter.grad = _draw(C, C, seed=1).detach()
    optimizer = torch.optim.AdamW([parameter], lr=3e-4, betas=(0.9, 0.95), weight_decay=0.1, fused=True)

    def whole(x: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
        return functional.cross_entropy(functional.linear(x, weight), targets, reduction="sum")

    return {
        "linear_cross_entropy": _there_and_back(whole, _draw(N, C), _draw(V, C), _targets()),
        "int8_matvec": lambda: functional.linear(row, weight),
        "int4_matvec": lambda: functional.linear(row, weight),
        "adamw": optimizer.step,
    }
