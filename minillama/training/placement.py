"""Where a training run lives: the one seam between the trainer and parallelism.

`Placement` is one process with the whole model. A subclass that spreads the model or the batch over several
processes (`minillama.training.parallel`) overrides what it does otherwise; the trainer knows nothing else of
parallelism.

    batch of the step            micro-batch              what a process computes on
    [r0 r1 r2 r3 r4 r5 r6 r7] -> [r0 r1 r2 r3]         -> rows(...) = [r0 r1] and [r2 r3]
      batch_size rows            batch_size/accumulate    where two processes share the batch
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from ..checkpoints import CheckpointError
from ..checkpoints.native import TrainingState, save_native
from ..checkpoints.runs import load_run, remove_shards
from ..model import Llama
from ..tokenizer import Tokenizer

LossSums: TypeAlias = Callable[..., tuple[Tensor, Tensor]]
"""Called as ``(tokens, targets, documents, z_loss)``: nats and z-loss of this process, each summed."""


class Placement:
    """One process, which holds the whole model and sees every row.

    Parameters
    ----------
    device : torch.device, optional
        Where the model goes; None: it stays where it is.

    Attributes
    ----------
    rank, world : int
        Of data parallelism: which share of each batch is this process's, and of how many.
    processes : int
        Of the whole run.
    is_main : bool
        Whether this process writes files and the display.
    averaged_over : int
        Processes over which the engine averages gradients: the trainer multiplies its loss by it, so that
        what arrives is the sum.
    whole : bool
        Whether each process has all of the model and can generate text by itself.

    Examples
    --------
    >>> Placement().rows(np.arange(6).reshape(3, 2)).shape
    (3, 2)
    """

    rank = 0
    world = 1
    processes = 1
    is_main = True
    averaged_over = 1
    whole = True

    def __init__(self, device: torch.device | None = None) -> None:
        self.device = device

    def prepare(self, model: Llama) -> LossSums:
        """Place `model` (in place where its parameters are replaced) and return its `loss_sums`."""
        return model.to(self.device).loss_sums

    def rows(self, array: np.ndarray) -> np.ndarray:
        """Return this process's share of a micro-batch's rows: (B, T) -> (B / world, T)."""
        share = len(array) // self.world
        return array[self.rank * share : (self.rank + 1) * share]

    @contextmanager
    def micro_batch(self, last: bool) -> Iterator[None]:
        """Surround forward and backward of a micro-batch; gradients need to meet after the last one only."""
        yield

    def total(self, tensor: Tensor) -> Tensor:
        """Return the sum of `tensor` over all processes that share the batch."""
        return tensor

    def clip(self, parameters: Iterable[Tensor], max_norm: float) -> Tensor:
        """Scale the gradients down to `max_norm` if they are longer; return their norm before, over all.

        Gradients whose norm is not finite stay as they are, so that the culprit can be found.
        """
        parameters = [parameter for parameter in parameters if parameter.grad is not None]
        norm = torch.nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
        if bool(norm.isfinite()):
            torch.nn.utils.clip_grads_with_norm_(parameters, max_norm, norm)
        return norm

    def save(
        self,
        model: Llama,
        optimizer: torch.optim.Optimizer,
        tokenizer: Tokenizer | None,
        values: dict[str, Any],
        run_dir: Path,
    ) -> Path:
        """Write weights, optimiser and `values` (JSON) into `run_dir`, whole or not at all."""
        state = TrainingState(values, moments(model, optimizer))
        file = save_native(model, tokenizer, run_dir, state)
        remove_shards(run_dir)  # of a run that several processes began
        return file

    def load(self, run_dir: Path) -> tuple[Llama, Tokenizer | None, TrainingState]:
        """Read the last checkpoint, before `prepare`, whichever placement wrote it."""
        return load_run(run_dir)

    def restore(
        self, model: Llama, optimizer: torch.optim.Optimizer, state: TrainingState, run_dir: Path
    ) -> None:
        """Put the optimiser's state back, after `prepare`.

        Raises
        ------
        CheckpointError
            If a tensor fits no parameter.
        """
        parameters = dict(model.named_parameters())
        for full_name, value in state.tensors.items():
            key, _, name = full_name.partition(".")
            if name not in parameters or value.shape not in (parameters[name].shape, torch.Size([])):
                raise CheckpointError(f"{run_dir}: optimiser tensor {full_name} fits no parameter")
            optimizer.state[parameters[name]][key] = value.to(parameters[name].device)

    def agreed(self, flag: bool) -> bool:
        """Return whether any process raised its flag: all of them stop at the same step, or none."""
        return flag

    def barrier(self) -> None:
        """Wait until every process has come here."""


def moments(model: Llama, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return the optimiser's state as tensors named after their parameters: ``exp_avg.norm.weight``."""
    return {
        f"{key}.{name}": value
        for name, parameter in model.named_parameters()
        for key, value in optimizer.state[parameter].items()
    }
