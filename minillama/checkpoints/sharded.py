"""Checkpoints that several processes write together, each its own part, and that any number reads.

    RUN/shards-00000020/                                  of step 20
        shard-00001-model-00001-of-00001.safetensors      what process 0 holds: its slices of the tensors
        shard-00002-model-00001-of-00001.safetensors      what process 1 holds
        shards.json       format, config, tokenizer, state of the run; names and sizes of the files

`torch.distributed.checkpoint` writes the slices and hands them out again, to whoever asks for which part. It
is told to use safetensors, so nothing is pickled. The directory gets its name when it is complete: a process
that dies while writing leaves the last checkpoint in force. The tensors have the names of `native`, whose
files the same reader takes apart; so 2 processes go on where 1 stopped, and 1 where 4 did.

Needed: a file system that all the processes see.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..config import LlamaConfig
from ..model import Llama
from ..tokenizer import Tokenizer, TokenizerError
from .atomic import write_atomically
from .errors import CheckpointError
from .native import FILE
from .slices import compare_shapes, first_failure, stored_tensors

HEADER = "shards.json"
FORMAT = "minillama-shards-1"
LARGEST_HEADER = 2**28  # bytes; the tokenizer of a 256,000-token vocabulary takes some 20 MB of it


@dataclass(frozen=True)
class Shards:
    """A complete sharded checkpoint: where it is, and all of it but the tensors."""

    directory: Path
    cfg: LlamaConfig
    tokenizer: Tokenizer | None
    values: dict[str, Any]
    tensors: dict[str, Tensor]  # on the meta device: shapes and dtypes


def save_sharded(
    cfg: LlamaConfig,
    tokenizer: Tokenizer | None,
    tensors: dict[str, Tensor],
    values: dict[str, Any],
    run_dir: str | Path,
) -> Path:
    """Write a checkpoint; every process of the default group calls this with its own part.

    Parameters
    ----------
    cfg : LlamaConfig
    tokenizer : Tokenizer, optional
    tensors : dict of str to Tensor
        ``model.NAME`` and ``training.KEY.NAME``, in every process under the same names: DTensors, of which
        each process writes what it holds, or tensors that are everywhere the same.
    values : dict
        Of the run, as JSON; ``values["step"]`` numbers the checkpoint.
    run_dir : path
        Older checkpoints in it are removed once this one is whole.

    Returns
    -------
    Path
        The directory of the checkpoint.

    Raises
    ------
    OSError
        If a process could not write; the last checkpoint is then still intact.
    """
    import torch.distributed as dist
    from torch.distributed.checkpoint import HuggingFaceStorageWriter, save
    from torch.distributed.checkpoint.api import CheckpointException

    run_dir, is_main = Path(run_dir), dist.get_rank() == 0
    target = run_dir / f"shards-{int(values['step']):08d}"
    temporary = run_dir / f".{target.name}.part"
    if (target / HEADER).is_file():
        return target  # a run's state is a function of its step
    if is_main:
        for left_over in run_dir.glob(".shards-*.part"):  # of processes that died while they wrote
            shutil.rmtree(left_over)
        temporary.mkdir(parents=True)
    dist.barrier()
    try:
        save(dict(tensors), storage_writer=HuggingFaceStorageWriter(str(temporary), save_distributed=True))
    except CheckpointException as error:  # no Exception by torch's choice
        raise OSError(f"{target}: {first_failure(error)}") from None
    if is_main:
        header = {
            "format": FORMAT,
            "config": cfg.to_dict(),
            "tokenizer": None if tokenizer is None else tokenizer.to_json(),
            "training": values,
            "files": {file.name: file.stat().st_size for file in sorted(temporary.iterdir())},
        }
        write_atomically(temporary / HEADER, json.dumps(header).encode())
        os.replace(temporary, target)
        for old in complete_shards(run_dir):
            if old != target:
                shutil.rmtree(old, ignore_errors=True)
        (run_dir / FILE).unlink(missing_ok=True)
    dist.barrier()
    return target


def complete_shards(run_dir: str | Path) -> list[Path]:
    """Return the sharded checkpoints in `run_dir`, oldest first; unfinished ones left out.

    Examples
    --------
    >>> complete_shards("no/such/run")
    []
    """
    return sorted(path for path in Path(run_dir).glob("shards-*") if (path / HEADER).is_file())


def open_shards(directory: str | Path) -> Shards:
    """Read the header of a sharded checkpoint and check it against its files.

    Raises
    ------
    CheckpointError
        If the header cannot be read, or a file is missing, cut short or does not fit the configuration.
    """
    directory = Path(directory)
    file = directory / HEADER
    try:
        if file.stat().st_size > LARGEST_HEADER:
            raise CheckpointError(f"{file}: {file.stat().st_size} bytes, expected at most {LARGEST_HEADER}")
        header = json.loads(file.read_bytes())
        if header["format"] != FORMAT:
            raise CheckpointError(f"{file}: format is {header['format']!r}, expected {FORMAT!r}")
        cfg, values = LlamaConfig.from_dict(header["config"]), dict(header["training"])
        text, files = header["tokenizer"], dict(header["files"])
        tokenizer = None if text is None else Tokenizer.from_json(text)
    except CheckpointError:
        raise
    except (OSError, ValueError, TypeError, KeyError, TokenizerError) as error:
        raise CheckpointError(f"{file}: cannot be read ({type(error).__name__}: {error})") from None
    _check_files(directory, files)
    tensors = stored_tensors(directory)
    _check_weights(directory, cfg, tensors)
    return Shards(directory, cfg, tokenizer, values, tensors)


def _check_files(directory: Path, sizes: dict[str, Any]) -> None:
    """Compare the files that the header lists with those that are there."""
    found = {file.name: file.stat().st_size for file in directory.glob("*.safetensors")}
    for name in sorted(found.keys() | sizes.keys()):
        here, listed = found.get(name, "no"), sizes.get(name, "no")
        if here != listed:
            raise CheckpointError(f"{directory / name}: {here} bytes here, {listed} bytes by {HEADER}")


def _check_weights(directory: Path, cfg: LlamaConfig, stored: dict[str, Tensor]) -> None:
    """Compare what is stored with what the model asks for, before memory is taken for it."""
    if cfg.n_layers > len(stored):
        raise CheckpointError(f"{directory}: {len(stored)} tensors cannot make {cfg.n_layers} layers")
    with torch.device("meta"):
        expected = {f"model.{n}": tuple(p.shape) for n, p in Llama(cfg).named_parameters()}
    compare_shapes(directory, expected, stored)
    unknown = sorted(n for n in stored.keys() - expected.keys() if not n.startswith("training."))
    if unknown:
        raise CheckpointError(f"{directory}: unknown tensor {unknown[0]}")
