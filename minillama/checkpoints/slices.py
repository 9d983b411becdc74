"""Slices of tensors in safetensors files, read by torch.distributed.checkpoint for whoever holds which part.

    file 1   w[0:3]   ──┐                     ┌── w[0:2]  process 0 of 3
    file 2   w[3:6]   ──┴── w, shape (6, 4) ──┼── w[2:4]  process 1
                                              └── w[4:6]  process 2

A tensor that is whole in one file is the simplest case. Only headers are read before shapes are compared.
"""

from __future__ import annotations

import math
import warnings
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import Tensor

from .errors import CheckpointError


def read_tensors(directory: str | Path, tensors: dict[str, Tensor]) -> None:
    """Fill `tensors`, whole ones or DTensors, with those of the same names in the checkpoint.

    Parameters
    ----------
    directory : path
        Of a sharded checkpoint, or the run directory of one process: both hold safetensors files.
    tensors : dict of str to Tensor
        Overwritten in place.

    Raises
    ------
    CheckpointError
        If one is missing or has another shape there.
    """
    from torch.distributed.checkpoint import HuggingFaceStorageReader, load
    from torch.distributed.checkpoint.api import CheckpointException

    directory = Path(directory)
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    compare_shapes(directory, shapes, stored_tensors(directory))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="torch.distributed is disabled")  # meant so: files suffice
        try:
            reader = HuggingFaceStorageReader(str(directory))
            load({n: t.detach() for n, t in tensors.items()}, storage_reader=reader, no_dist=True)
        except CheckpointException as error:
            raise CheckpointError(f"{directory}: {first_failure(error)}") from None


def stored_tensors(directory: Path) -> dict[str, Tensor]:
    """Return every tensor as a meta tensor, put together from its slices; all of it has to be there."""
    from torch.distributed.checkpoint import HuggingFaceStorageReader
    from torch.distributed.checkpoint.metadata import TensorStorageMetadata

    try:
        stored = HuggingFaceStorageReader(str(directory)).read_metadata().state_dict_metadata
    except (SafetensorError, KeyError, ValueError, TypeError, OSError) as error:
        raise CheckpointError(f"{directory}: not whole safetensors files ({error})") from None
    tensors = {}
    for name, tensor in stored.items():
        assert isinstance(tensor, TensorStorageMetadata)
        if sum(math.prod(chunk.sizes) for chunk in tensor.chunks) != math.prod(tensor.size):
            raise CheckpointError(f"{directory}: parts of tensor {name} are missing")
        tensors[name] = torch.empty(tensor.size, dtype=tensor.properties.dtype, device="meta")
    return tensors


def compare_shapes(directory: Path, expected: dict[str, tuple[int, ...]], stored: dict[str, Tensor]) -> None:
    """Raise a CheckpointError for the first tensor that is missing or of another shape."""
    for name, shape in expected.items():
        if name not in stored:
            raise CheckpointError(f"{directory}: tensor {name} is missing")
        if stored[name].shape != shape:
            raise CheckpointError(
                f"{directory}: tensor {name} has shape {tuple(stored[name].shape)}, expected {shape}"
            )


def first_failure(error: BaseException) -> str:
    """Say what went wrong first, of what torch collected from all processes."""
    rank, (cause, _) = next(iter(error.failures.items()))  # type: ignore[attr-defined]
    return f"process {rank}: {type(cause).__name__}: {cause}"
