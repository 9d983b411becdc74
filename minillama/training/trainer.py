"""The training loop: one pure function of the step number, so that a resumed run equals an unbroken one.

Batch `i` depends on `i` alone (see `minillama.data.packing.Rows`), the learning rate on `i` alone, and
the checkpoint holds weights, both AdamW moments and the step. Left out here: mixed precision,
gradient accumulation and several processes.
"""

from __future__ import annotations

import dataclasses
import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..checkpoints import CheckpointError
from ..checkpoints.native import write_atomically
from ..data.packing import IGNORE_INDEX, Batches
from ..model import Llama
from ..reference import cosine
from ..tokenizer import Tokenizer
from .optimizer import adamw
from .placement import Placement


class TrainingError(RuntimeError):
    """A run that cannot go on: the text says at which step and why; the last good state is kept."""


@dataclass(frozen=True)
class TrainConfig:
    """How to train. The defaults are LLaMA's where it says (arXiv 2302.13971, section 2.3).

    Parameters
    ----------
    steps : int
        Optimiser steps in the whole run.
    batch_size : int
        Rows per step.
    lr : float
        Peak learning rate.
    warmup : int
        Steps of linear warm-up.
    min_lr : float
        Learning rate at the end, as a share of the peak.
    weight_decay, beta1, beta2, eps : float
        Of AdamW.
    grad_clip : float
        Largest norm of the gradient over all parameters; longer ones are scaled down to it.
    checkpoint_every : int
        Steps between checkpoints; 0 writes only where the caller asks.

    Raises
    ------
    ValueError
        If a value is out of range.

    Examples
    --------
    >>> TrainConfig(steps=100).beta2
    0.95
    """

    steps: int
    batch_size: int = 16
    lr: float = 3e-4
    warmup: int = 0
    min_lr: float = 0.1
    weight_decay: float = 0.1
    beta1: float = 0.9
    beta2: float = 0.95
    eps: float = 1e-8
    grad_clip: float = 1.0
    checkpoint_every: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: expected at least 1")
        for name in ("warmup", "checkpoint_every", "weight_decay"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}: expected at least 0")
        for name in ("lr", "eps", "grad_clip"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} is {getattr(self, name)}: expected a positive number")


@dataclass(frozen=True)
class Step:
    """What one step did.

    Parameters
    ----------
    step : int
        Steps done so far, this one included.
    loss : float
        Mean nats per token of the batch, before the update.
    lr : float
        Learning rate used.
    grad_norm : float
        Norm of the gradient before clipping.
    tokens : int
        Targets in the batch.
    seconds : float
        Wall-clock time of the step.
    """

    step: int
    loss: float
    lr: float
    grad_norm: float
    tokens: int
    seconds: float


class Trainer:
    """Train `model` on `rows`; iterate over it to make it work.

    Parameters
    ----------
    model : Llama
    rows : Batches
        `minillama.data.packing.Rows`, or another.
    config : TrainConfig
    tokenizer : Tokenizer, optional
        Kept in the checkpoints.
    run_dir : path, optional
        Where checkpoints and ``log.jsonl`` go; nothing is written without it.
    placement : Placement, optional
        Where the model lives; None: in this process, whole.

    Examples
    --------
    >>> from minillama.config import LlamaConfig
    >>> from minillama.data.packing import stream
    >>> model = Llama(LlamaConfig(vocab_size=8, dim=16, n_layers=1, n_heads=2, n_kv_heads=1, hidden_dim=32))
    >>> rows = stream([[1, 2, 3, 4, 5, 6, 7] * 20], seq_len=16)
    >>> losses = [step.loss for step in Trainer(model, rows, TrainConfig(steps=20, batch_size=4, lr=1e-2))]
    >>> losses[-1] < losses[0] / 2
    True
    """

    def __init__(
        self,
        model: Llama,
        rows: Batches,
        config: TrainConfig,
        tokenizer: Tokenizer | None = None,
        run_dir: str | Path | None = None,
        placement: Placement | None = None,
    ) -> None:
        self.placement = Placement() if placement is None else placement
        self.model = model
        self._loss_sums = self.placement.prepare(model)
        self.rows = rows
        self.config = config
        self.tokenizer = tokenizer
        self.run_dir = None if run_dir is None else Path(run_dir)
        self.step = 0
        self.optimizer = adamw(
            model, config.lr, (config.beta1, config.beta2), config.eps, config.weight_decay
        )

    @classmethod
    def resume(cls, run_dir: str | Path, rows: Batches, placement: Placement | None = None) -> Trainer:
        """Return the trainer of the run in `run_dir`, at the step of its last checkpoint.

        Raises
        ------
        CheckpointError
            If there is no whole checkpoint.
        ValueError
            If `rows` are not those that the run began with.
        """
        placement = Placement() if placement is None else placement
        run_dir = Path(run_dir)
        model, tokenizer, state = placement.load(run_dir)
        try:
            known, config = state.values["rows"], TrainConfig(**state.values["config"])
            step = int(state.values["step"])
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"{run_dir}: the state of its run cannot be read ({error!r})") from None
        trainer = cls(model, rows, config, tokenizer, run_dir, placement)
        if known != rows.fingerprint:
            raise ValueError(f"{run_dir}: the run was trained on other data; give the same corpus and seed")
        trainer.step = step
        placement.restore(model, trainer.optimizer, state, run_dir)
        if placement.is_main:
            trainer._shorten_log()
        return trainer

    def __iter__(self) -> Iterator[Step]:
        """Do the remaining steps, yielding each; stop anywhere and iterate again to go on."""
        while self.step < self.config.steps:
            done = self._one_step()
            self._log(done)
            every = self.config.checkpoint_every
            if every and self.step % every == 0:
                self.save()
            yield done

    def _one_step(self) -> Step:
        """Draw the batch of this step, go forward and backward, clip, update."""
        start = time.perf_counter()
        device = self.model.tok_embeddings.weight.device
        tokens, targets = (
            torch.from_numpy(self.placement.rows(array)).to(device)
            for array in self.rows.batch(self.step, self.config.batch_size)
        )
        counted = self.placement.total((targets != IGNORE_INDEX).sum())
        lr = self.config.lr * cosine(self.step, self.config.steps, self.config.warmup, self.config.min_lr)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.optimizer.zero_grad()
        with self.placement.micro_batch(last=True):
            nats, _ = self._loss_sums(tokens, targets)
            (nats / counted * self.placement.averaged_over).backward()
        loss = self.placement.total(nats.detach()) / counted
        norm = self.placement.clip(self.model.parameters(), self.config.grad_clip)
        if not (math.isfinite(loss.item()) and math.isfinite(norm.item())):
            raise TrainingError(
                f"step {self.step + 1}: {self._first_bad(loss)} is not finite; weights are as before it"
            )
        self.optimizer.step()
        self.step += 1
        return Step(self.step, loss.item(), lr, norm.item(), int(counted), time.perf_counter() - start)

    def _first_bad(self, loss: Tensor) -> str:
        """Name what went wrong: the loss, or the first parameter with a non-finite gradient."""
        if not math.isfinite(loss.item()):
            return f"the loss ({loss.item()})"
        for name, parameter in self.model.named_parameters():
            if parameter.grad is not None and not bool(parameter.grad.isfinite().all()):
                return f"the gradient of {name}"
        return "the gradient's norm"

    def save(self) -> Path:
        """Write weights, optimiser and step into `run_dir` in one atomic file."""
        if self.run_dir is None:
            raise ValueError("this trainer has no run_dir: give one to write checkpoints")
        values = {
            "step": self.step,
            "config": dataclasses.asdict(self.config),
            "rows": self.rows.fingerprint,
        }
        return self.placement.save(self.model, self.optimizer, self.tokenizer, values, self.run_dir)

    def _log(self, done: Step) -> None:
        """Append one JSON line to the run's log."""
        if self.run_dir is not None and self.placement.is_main:
            self.run_dir.mkdir(parents=True, exist_ok=True)
            with (self.run_dir / "log.jsonl").open("a") as log:
                log.write(json.dumps(dataclasses.asdict(done)) + "\n")

    def _shorten_log(self) -> None:
        """Drop the lines of steps after the checkpoint: they will be done again."""
        assert self.run_dir is not None
        log = self.run_dir / "log.jsonl"
        if log.exists():
            lines = [line for line in log.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
            write_atomically(log, b"".join(line for line in lines if json.loads(line)["step"] <= self.step))
