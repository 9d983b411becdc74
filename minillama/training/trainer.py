"""The training loop: one pure function of the step number, so that a resumed run equals an unbroken one.

Batch `i` depends on `i` alone (see `minillama.data.packing.Rows`), the learning rate on `i` alone, nothing
is drawn at random on the way, and the checkpoint holds the rest: weights, AdamW's moments and its count of
steps, the loss scale, the memory of the spike watch, and the step. How one update is made is told in
`update.py`, what several processes change in `placement.py`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from .. import kernels
from ..accounting import flops_per_token, mfu
from ..checkpoints import CheckpointError
from ..data.packing import Batches
from ..fields import known_fields
from ..inference import sample_texts
from ..model import Llama
from ..reference import cosine
from ..tokenizer import Tokenizer
from . import log
from .config import TrainConfig
from .log import Step
from .placement import Placement
from .precision import LossScale
from .reading import MicroBatch, evaluate, micro_batches
from .state import RunState
from .update import NotFiniteError, Updater

SAMPLE_TOKENS = 60


class TrainingError(RuntimeError):
    """A run that cannot go on: the text says at which step and why; the last good state is kept."""


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
    held_out : Batches, optional
        Rows that the held-out loss is read on.
    peak_flops : float, optional
        FLOP/s of the hardware, for the MFU in the log.

    Attributes
    ----------
    step : int
        Steps done so far.

    Raises
    ------
    ValueError
        If a batch cannot be cut evenly over micro-batches and processes.

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
        held_out: Batches | None = None,
        peak_flops: float | None = None,
    ) -> None:
        self.placement = Placement() if placement is None else placement
        if config.batch_size % (config.accumulate * self.placement.world):
            raise ValueError(
                f"batch_size {config.batch_size} cannot be shared by {self.placement.world} processes with"
                f" {config.accumulate} micro-batches each: make it a multiple of both together"
            )
        self.model, self.rows, self.config, self.tokenizer = model, rows, config, tokenizer
        self.run_dir = None if run_dir is None else Path(run_dir)
        self.held_out, self.peak_flops = held_out, peak_flops
        self.update = Updater(model, config, self.placement)
        self.step = 0

    @property
    def optimizer(self) -> torch.optim.Optimizer:
        """The optimiser of the run."""
        return self.update.optimizer

    @classmethod
    def resume(
        cls,
        run_dir: str | Path,
        rows: Batches,
        placement: Placement | None = None,
        held_out: Batches | None = None,
        peak_flops: float | None = None,
        changes: Mapping[str, Any] | None = None,
    ) -> Trainer:
        """Return the trainer of the run in `run_dir`, at the step of its last checkpoint.

        Parameters
        ----------
        run_dir, rows, placement, held_out, peak_flops
            As for a new run.
        changes : mapping, optional
            Fields of `TrainConfig` to change: those that decide what is shown and kept, nothing else.

        Raises
        ------
        CheckpointError
            If there is no whole checkpoint.
        ValueError
            If `rows` are not those that the run began with, or `changes` would alter it: it names the fields.
        """
        placement = Placement() if placement is None else placement
        run_dir = Path(run_dir)
        model, tokenizer, stored = placement.load(run_dir)
        try:
            state = RunState.from_dict(stored.values)
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"{run_dir}: the state of its run cannot be read ({error})") from None
        config = replace(state.config, **known_fields(TrainConfig, changes or {}))
        if altered := state.config.changes(config):
            raise ValueError(
                f"{run_dir}: that would be another run than the one that began: {', '.join(altered)}"
            )
        if state.rows != rows.fingerprint:
            raise ValueError(f"{run_dir}: the run was trained on other data; give the same corpus and seed")
        trainer = cls(model, rows, config, tokenizer, run_dir, placement, held_out, peak_flops)
        placement.restore(model, trainer.optimizer, stored, run_dir)
        trainer.step = state.step
        trainer.update.watch.remember(state.watch)
        if state.loss_scale is not None:
            trainer.update.scale = LossScale(state.loss_scale, state.good_steps)
        if placement.is_main:
            log.shorten(run_dir, trainer.step)
            for left_over in filter(Path.is_file, run_dir.glob(".*.tmp")):  # of a write that was killed
                left_over.unlink()
        placement.barrier()
        return trainer

    def __iter__(self) -> Iterator[Step]:
        """Do the remaining steps, yielding each; stop anywhere and iterate again to go on.

        Raises
        ------
        TrainingError
            If the loss or a gradient is not finite: the text names the step and the module or parameter.
        """
        while self.step < self.config.steps:
            done = self._read(self._one_step())
            if self.run_dir is not None and self.placement.is_main:
                log.append(self.run_dir, done)
            if self.run_dir is not None and _is_due(self.step, self.config.checkpoint_every):
                self.save()
            yield done

    def _one_step(self) -> Step:
        """Draw the batch of this step, and update by it."""
        start, config = time.perf_counter(), self.config
        batch = micro_batches(self.rows, self.step, config, self.placement, self.update.device)
        lr = config.lr * cosine(self.step, config.steps, config.warmup, config.min_lr)
        try:
            update = self.update(batch, lr)
        except NotFiniteError as error:
            raise TrainingError(f"step {self.step + 1}: {error}; weights are as before it") from None
        self.step += 1
        seconds = time.perf_counter() - start
        speed = self.placement.world * sum(micro.tokens.numel() for micro in batch) / seconds
        return Step(
            self.step,
            lr=lr,
            seconds=seconds,
            tokens_per_second=speed,
            mfu=self._mfu(speed, batch[0]),
            **asdict(update),
        )

    def _mfu(self, tokens_per_second: float, micro: MicroBatch) -> float | None:
        """Return the share of the peak, where it is known."""
        if self.peak_flops is None:
            return None
        work = flops_per_token(self.model.cfg, micro.tokens.shape[1])
        return mfu(work, tokens_per_second, self.peak_flops)

    def _read(self, done: Step) -> Step:
        """Add the held-out loss and a sample where they are due."""
        if self.held_out is not None and _is_due(self.step, self.config.evaluate_every):
            done = replace(done, held_out=self.evaluate(self.held_out, self.config.evaluate_rows))
        speaks = self.placement.whole and _is_due(self.step, self.config.sample_every)
        if speaks and self.tokenizer is not None:
            length = min(SAMPLE_TOKENS, self.model.cfg.max_seq_len - 1)
            text = sample_texts(self.model, self.tokenizer, 1, length, 0.8, seed=self.step)[0]
            done = replace(done, sample=" ".join(text.split()))
        return done

    def evaluate(self, rows: Batches, count: int | None = None) -> float:
        """Return the mean loss over the first `count` of `rows` (None: all), in nats per target."""
        return evaluate(self.update.loss_sums, rows, count, self.config, self.placement, self.update.device)

    def save(self) -> Path:
        """Write weights, optimiser and state into `run_dir`, whole or not at all.

        Raises
        ------
        ValueError
            If the trainer has no `run_dir`.
        OSError
            If the disk is full or not writable; an earlier checkpoint is then still intact.
        """
        if self.run_dir is None:
            raise ValueError("this trainer has no run_dir: give one to write checkpoints")
        scale, device = self.update.scale, self.update.device.type
        state = RunState(
            self.step,
            self.config,
            self.rows.fingerprint,
            None if scale is None else scale.scale,
            0 if scale is None else scale.good_steps,
            self.update.watch.memory(),
            device,
            kernels.backend(device),
        )
        return self.placement.save(self.model, self.optimizer, self.tokenizer, state.to_dict(), self.run_dir)


def _is_due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0
