"""A model spread over a grid of processes: parameters sharded along one side, matrices cut along the other.

                 tensor 0         tensor 1
    data 0    half a matrix    the other half     rows 0..3 of the batch
    data 1    half a matrix    the other half     rows 4..7

Along `data`, weights, gradients and moments are cut into pieces; a block's weights are gathered when it is
computed and dropped again (FSDP2, which is ZeRO's stage 3). Along `tensor` the arithmetic itself is cut
(`tensor.py`). Either side may be 1. The model trained is the one that one process trains: sums in another
order round differently, that is all.

References
----------
Rajbhandari et al. 2019, ZeRO, arXiv 1910.02054; Zhao et al. 2023, PyTorch FSDP, arXiv 2304.11277.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard, register_fsdp_forward_method
from torch.distributed.tensor import DTensor

from ...checkpoints import CheckpointError, TrainingState
from ...checkpoints.native import load_for_training
from ...checkpoints.runs import latest_shards
from ...checkpoints.sharded import open_shards, save_sharded
from ...checkpoints.slices import read_tensors, stored_tensors
from ...model import Llama
from ...tokenizer import Tokenizer
from ..placement import LossSums, moments
from .data import Together, summed
from .tensor import split_tensors


class Sharded(Together):
    """A grid of processes: along one side parameters are sharded (FSDP2), along the other matrices are cut.

    Parameters
    ----------
    device : torch.device
        Of this process.
    tensor : int
        Processes that share one copy of the arithmetic; the others share the batch. The number of processes
        must be a multiple of it. Those next to each other share matrices: they talk most.

    Raises
    ------
    ValueError
        If `tensor` does not divide the number of processes.
    """

    whole = False

    def __init__(self, device: torch.device, tensor: int = 1) -> None:
        super().__init__(device)
        if tensor < 1 or self.processes % tensor:
            raise ValueError(
                f"{self.processes} processes cannot form tensor-parallel groups of {tensor}: use a divisor"
            )
        self.world = self.averaged_over = self.processes // tensor
        self.mesh = init_device_mesh(device.type, (self.world, tensor), mesh_dim_names=("data", "tensor"))
        self.rank = self.mesh.get_local_rank("data")

    def prepare(self, model: Llama) -> LossSums:
        """Cut the model along both sides of the grid, in place."""
        self._model = model.to(self.device)
        if self.mesh["tensor"].size() > 1:
            split_tensors(model, self.mesh["tensor"])
        if self.world > 1 or self.mesh["tensor"].size() == 1:
            for module in (*model.layers, model):
                fully_shard(module, mesh=self.mesh["data"])
            register_fsdp_forward_method(model, "loss_sums")
        return model.loss_sums

    @contextmanager
    def micro_batch(self, last: bool) -> Iterator[None]:
        """Keep gradients here until the last micro-batch of the step."""
        if isinstance(self._model, FSDPModule):
            self._model.set_requires_gradient_sync(last)
        yield

    def total(self, tensor: Tensor) -> Tensor:
        """Return the sum over the processes that share the batch."""
        return summed(tensor, self.mesh.get_group("data"))

    def clip(self, parameters: Iterable[Tensor], max_norm: float) -> Tensor:
        """Scale the gradients down to `max_norm`: squares of what each process holds, and one sum."""
        gradients = [_settled(parameter) for parameter in parameters if parameter.grad is not None]
        pieces = [gradient.to_local() for gradient in gradients]
        squares = [p.square().sum() / _holders(g) for p, g in zip(pieces, gradients, strict=True)]
        norm = summed(torch.stack(squares).sum(), None).sqrt()
        if bool(norm.isfinite()):
            factor = (max_norm / (norm + 1e-6)).clamp(max=1.0)  # as torch.nn.utils.clip_grad_norm_
            for piece in pieces:
                piece.mul_(factor)
        return norm

    def save(
        self,
        model: Llama,
        optimizer: torch.optim.Optimizer,
        tokenizer: Tokenizer | None,
        values: dict[str, Any],
        run_dir: Path,
    ) -> Path:
        """Let every process write what it holds."""
        return save_sharded(model.cfg, tokenizer, _named(model, optimizer), values, run_dir)

    def load(self, run_dir: Path) -> tuple[Llama, Tokenizer | None, TrainingState]:
        """Read all but the tensors, which `restore` fetches for the part that this process holds."""
        directory = latest_shards(run_dir)
        if directory is None:
            model, tokenizer, state = load_for_training(run_dir)
            return model, tokenizer, TrainingState(state.values, {})
        shards = open_shards(directory)
        return Llama(shards.cfg), shards.tokenizer, TrainingState(shards.values, {})

    def restore(
        self, model: Llama, optimizer: torch.optim.Optimizer, state: TrainingState, run_dir: Path
    ) -> None:
        """Fill this process's part of the weights and of the optimiser's state from the checkpoint."""
        directory = latest_shards(run_dir) or run_dir
        parameters = dict(model.named_parameters())
        for full_name, tensor in stored_tensors(directory).items():
            kind, _, rest = full_name.partition(".")
            key, _, name = rest.partition(".")
            if kind != "training":
                continue
            if name not in parameters:
                raise CheckpointError(f"{directory}: optimiser tensor {rest} fits no parameter")
            weight = parameters[name]
            is_moment = tensor.shape == weight.shape  # and cut as the weight is; else a count of steps
            empty = torch.zeros_like(weight.detach()) if is_moment else torch.zeros((), device=self.device)
            optimizer.state[weight][key] = empty
        read_tensors(directory, _named(model, optimizer))


def _named(model: Llama, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return weights and the optimiser's state under the names of a checkpoint."""
    weights = {f"model.{name}": parameter.detach() for name, parameter in model.named_parameters()}
    return weights | {f"training.{name}": tensor for name, tensor in moments(model, optimizer).items()}


def _settled(parameter: Tensor) -> DTensor:
    """Return the gradient, laid out like its parameter: what is still to be added up is added up."""
    gradient = parameter.grad
    assert isinstance(parameter, DTensor)
    assert isinstance(gradient, DTensor)
    if gradient.placements != parameter.placements:
        parameter.grad = gradient = gradient.redistribute(placements=parameter.placements)
    return gradient


def _holders(gradient: DTensor) -> int:
    """Count the processes that hold the same piece."""
    sides = zip(gradient.device_mesh.shape, gradient.placements, strict=True)
    return dist.get_world_size() // math.prod(n for n, placement in sides if not placement.is_replicate())
