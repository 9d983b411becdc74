"""Steps of training: ours in C and in plain PyTorch against transformers' at two shapes; NumPy at one.

All in turns, so that all meet the same weather; ratios are taken pair by pair, of wall-clock and of CPU time
(which other programs disturb less, but waiting threads count in). Besides, the share of the measured peak of
matrix products that each makes use of.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from . import measuring
from .measuring import Figure

if TYPE_CHECKING:
    from torch import Tensor

    from ...config import LlamaConfig

THREADS = 2


def figures() -> list[Figure]:
    """Time steps of the tour's shape (batch 16 x 64) and of a larger one (8 x 256)."""
    from ...config import LlamaConfig
    from ...training.tour import Recipe

    big = LlamaConfig(
        vocab_size=4096, dim=256, n_layers=6, n_heads=8, n_kv_heads=8, hidden_dim=688, max_seq_len=256
    )
    return [
        *_shape("tour", Recipe.for_level(1).model, (16, 64), steps=20, with_reference=True),
        *_shape("big", big, (8, 256), steps=2, with_reference=False),
    ]


def _shape(
    name: str, cfg: LlamaConfig, batch: tuple[int, int], steps: int, with_reference: bool
) -> list[Figure]:
    import torch

    from ... import kernels
    from ...accounting import flops_per_token, mfu
    from ...training.throughput import peak_flops

    torch.set_num_threads(THREADS)
    tokens = torch.randint(0, cfg.vocab_size, batch, generator=torch.Generator().manual_seed(0))
    contestants = {f"ours, {name}": _ours(cfg, tokens, name) for name in _backends()}
    contestants["transformers"] = _transformers(cfg, tokens)
    if with_reference:
        contestants["reference in NumPy"] = _reference(cfg, tokens)
    times, cpu_times = ({who: list[float]() for who in contestants} for _ in range(2))
    peaks, before = [], kernels.chosen()
    for run in range(measuring.RUNS + 1):
        for who, step in contestants.items():
            start, cpu_start = time.perf_counter(), time.process_time()
            for _ in range(steps):
                step()
            if run:  # the first is for warming up
                times[who].append(time.perf_counter() - start)
                cpu_times[who].append(time.process_time() - cpu_start)
        peaks.append(peak_flops(tokens.device, "float32"))
    kernels.use(before)
    speeds = {who: [tokens.numel() * steps / t for t in runs] for who, runs in times.items()}
    work = flops_per_token(cfg, batch[1])
    return [
        *((f"training, {name}, {who}", "tokens/s", values) for who, values in speeds.items()),
        *(
            (
                f"training, {name}, {who}, of the measured peak",
                "share",
                [mfu(work, v, max(peaks)) for v in values],
            )
            for who, values in speeds.items()
        ),
        *(
            (
                f"training, {name}, {who} over transformers, pair by pair, {clock}",
                "times",
                [b / a for a, b in zip(spent[who], spent["transformers"], strict=True)],
            )
            for who in contestants
            if who.startswith("ours")
            for clock, spent in (("wall clock", times), ("CPU time", cpu_times))
        ),
    ]


def _backends() -> list[str]:
    """Return what ``auto`` means on a CPU, and eager."""
    from ... import kernels

    return list(dict.fromkeys((kernels.backend("cpu"), "eager")))


def _ours(cfg: LlamaConfig, tokens: Tensor, backend: str) -> Callable[[], object]:
    from ... import kernels
    from ...model import Llama
    from ...training import adamw

    model = Llama(cfg)
    optimizer = adamw(model, 1e-3)

    def step() -> None:
        kernels.use(backend)
        optimizer.zero_grad()
        model.loss(tokens, tokens.roll(-1, 1)).backward()
        optimizer.step()

    return step


def _transformers(cfg: LlamaConfig, tokens: Tensor) -> Callable[[], object]:
    """Its LlamaForCausalLM with its default attention (SDPA), and torch's AdamW with its defaults."""
    import torch
    import transformers

    model = transformers.LlamaForCausalLM(
        transformers.LlamaConfig(
            vocab_size=cfg.vocab_size, hidden_size=cfg.dim, intermediate_size=cfg.hidden_dim,
            num_hidden_layers=cfg.n_layers, num_attention_heads=cfg.n_heads,
            num_key_value_heads=cfg.n_kv_heads, max_position_embeddings=cfg.max_seq_len,
        )
    )  # fmt: skip
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)

    def step() -> None:
        optimizer.zero_grad()
        model(tokens, labels=tokens).loss.backward()
        optimizer.step()

    return step


def _reference(cfg: LlamaConfig, tokens: Tensor) -> Callable[[], object]:
    import numpy as np

    from ...reference import AdamW, ReferenceLlama

    model, optimizer = ReferenceLlama(cfg, dtype=np.float32), AdamW(1e-3)
    arrays = tokens.numpy(), tokens.roll(-1, 1).numpy()

    def step() -> None:
        optimizer.update(model.weights, model.loss_and_grads(*arrays)[1])

    return step
