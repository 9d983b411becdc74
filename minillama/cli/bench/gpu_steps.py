"""A step of training by each contestant of `bench gpu`; `gpu_operations.py` has the single operations.

    eager           plain PyTorch, with PyTorch's own fused attention (SDPA) and fused AdamW
    torch.compile   the same, compiled
    liger           transformers' LlamaForCausalLM with Liger-Kernel's operations, SDPA and fused AdamW
    ours            this package's kernels

All train the same weights on the same tokens, with the same clipping, in float32 weights and autocast.
"""

from __future__ import annotations

import copy
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ... import kernels
from ...checkpoints import save
from ...config import LlamaConfig
from ...data.packing import IGNORE_INDEX
from ...model import Llama
from ...training import Placement, TrainConfig
from ...training.precision import autocast
from ...training.reading import MicroBatch
from ...training.update import Updater

LR = 3e-4


class Step(ABC):
    """A step of training by one contestant."""

    def begin(self) -> None:  # noqa: B027 - most have nothing to do
        """Get ready for a turn, outside what is timed."""

    @abstractmethod
    def __call__(self) -> float:
        """Move the weights once; return the loss before."""

    @abstractmethod
    def resident(self) -> int:
        """Return the bytes of weights, gradients and moments that stay between steps."""


class OurStep(Step):
    """The package's own update on a backend; PyTorch's fused AdamW unless the kernels' is to run."""

    def __init__(
        self, model: Llama, batch: MicroBatch, config: TrainConfig, backend: str, fused: bool
    ) -> None:
        self.batch, self.backend = batch, backend
        self.begin()
        self.updater = Updater(model, config, Placement(batch.tokens.device))
        if fused:
            self.updater.optimizer = _fused_adamw(model, config)  # type: ignore[assignment]

    def begin(self) -> None:
        """Let the model call this backend."""
        kernels.use(self.backend)

    def __call__(self) -> float:
        """Move the weights once; return the loss before."""
        return self.updater([self.batch], LR).loss

    def resident(self) -> int:
        """Return the bytes that stay between steps."""
        return _resident(self.updater.optimizer)


class LigerStep(Step):
    """transformers' LLaMA with Liger-Kernel's operations, from our weights."""

    def __init__(self, model: Llama, batch: MicroBatch, config: TrainConfig) -> None:
        import transformers

        liger = import_module("liger_kernel.transformers")
        with tempfile.TemporaryDirectory() as folder:
            save(model, None, Path(folder) / "hf", format="hf")
            made: Any = transformers.LlamaForCausalLM.from_pretrained(
                Path(folder) / "hf", attn_implementation="sdpa", dtype=torch.float32
            )
        liger.apply_liger_kernel_to_llama(model=made)
        self.model = made.to(batch.tokens.device).train()
        self.batch, self.config = batch, config
        self.optimizer = _fused_adamw(self.model, config)

    def __call__(self) -> float:
        """Move the weights once; return the loss before."""
        tokens = self.batch.tokens
        self.optimizer.zero_grad()
        with autocast(tokens.device, self.config.dtype):
            loss = self.model(tokens, labels=tokens).loss  # which shifts them by one
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.grad_clip)
        self.optimizer.step()
        return loss.item()

    def resident(self) -> int:
        """Return the bytes that stay between steps."""
        return _resident(self.optimizer)


def steps(
    cfg: LlamaConfig, batch: tuple[int, int], device: torch.device, dtype: str, backend: str, seed: int
) -> dict[str, Callable[[], Step]]:
    """Return how to make each contestant, all from the same weights and tokens, which `seed` draws."""
    chance = torch.Generator().manual_seed(seed)
    model = Llama(cfg)
    model.init_weights(chance)
    tokens = torch.randint(0, cfg.vocab_size, batch, generator=chance)
    targets = tokens.roll(-1, 1)
    targets[:, -1] = IGNORE_INDEX
    micro = MicroBatch(tokens.to(device), targets.to(device), None)
    config = TrainConfig(steps=1, batch_size=batch[0], lr=LR, dtype=dtype)
    compiled = TrainConfig(steps=1, batch_size=batch[0], lr=LR, dtype=dtype, compile=True)

    def ours(config: TrainConfig, backend: str, fused: bool) -> Step:
        return OurStep(copy.deepcopy(model), micro, config, backend, fused)

    return {
        "eager": partial(ours, config, "eager", True),
        "torch.compile": partial(ours, compiled, "eager", True),
        "liger": lambda: LigerStep(model, micro, config),
        "ours": partial(ours, config, backend, False),
    }


def _fused_adamw(model: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """Return PyTorch's AdamW in one kernel, matrices decayed and vectors not."""
    parameters = list(model.parameters())
    groups = [
        {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
    ]
    betas = config.beta1, config.beta2
    return torch.optim.AdamW(groups, lr=LR, betas=betas, eps=config.eps, fused=True)


def _resident(optimizer: torch.optim.Optimizer) -> int:
    tensors = []
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            tensors += [parameter, parameter.grad, *optimizer.state[parameter].values()]
    return sum(tensor.nbytes for tensor in tensors if isinstance(tensor, torch.Tensor))
