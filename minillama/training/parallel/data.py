"""Data parallelism: every process has the model and a share of each batch; gradients are averaged (DDP).

    process 0   rows 0..3   gradient of its sum ──┐               ┌── the same step of AdamW
    process 1   rows 4..7   gradient of its sum ──┴── all-reduce ─┴── the same step of AdamW

References
----------
Li et al. 2020, PyTorch Distributed, arXiv 2006.15704.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from ...model import Llama
from ...tokenizer import Tokenizer
from ..placement import LossSums, Placement


class Together(Placement):
    """What every placement over several processes does alike.

    Parameters
    ----------
    device : torch.device
        Of this process.
    """

    def __init__(self, device: torch.device) -> None:
        super().__init__(device)
        self.processes = dist.get_world_size()
        self.is_main = dist.get_rank() == 0

    def agreed(self, flag: bool) -> bool:
        """Return whether any process raised its flag."""
        return bool(summed(torch.tensor(int(flag), device=self.device), None))

    def barrier(self) -> None:
        """Wait until every process has come here."""
        dist.barrier()


class DataParallel(Together):
    """Every process holds the whole model and works on its share of the rows.

    Parameters
    ----------
    device : torch.device
        Of this process.
    """

    def __init__(self, device: torch.device) -> None:
        super().__init__(device)
        self.rank = dist.get_rank()
        self.world = self.averaged_over = self.processes

    def prepare(self, model: Llama) -> LossSums:
        """Wrap the model, so that gradients are averaged as soon as they are there."""
        self._wrapped = DistributedDataParallel(_LossSums(model.to(self.device)))
        return self._wrapped

    @contextmanager
    def micro_batch(self, last: bool) -> Iterator[None]:
        """Keep gradients here until the last micro-batch of the step."""
        with nullcontext() if last else self._wrapped.no_sync():
            yield

    def total(self, tensor: Tensor) -> Tensor:
        """Return the sum over all processes."""
        return summed(tensor, None)

    def save(
        self,
        model: Llama,
        optimizer: torch.optim.Optimizer,
        tokenizer: Tokenizer | None,
        values: dict[str, Any],
        run_dir: Path,
    ) -> Path:
        """Let the first process write the package's own file: every one has all of it."""
        path = Path(run_dir)
        if self.is_main:
            path = super().save(model, optimizer, tokenizer, values, run_dir)
        self.barrier()
        return path


class _LossSums(nn.Module):
    """The model with `loss_sums` for its forward: DDP listens to no other method."""

    def __init__(self, model: Llama) -> None:
        super().__init__()
        self.model = model

    def forward(self, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        return self.model.loss_sums(*args, **kwargs)


def summed(tensor: Tensor, group: dist.ProcessGroup | None) -> Tensor:
    """Return the sum of `tensor` over the processes of `group`; None: all."""
    total = tensor.detach().clone()
    dist.all_reduce(total, group=group)
    return total
