"""The last checkpoint of a training run, whether one process wrote it or several, as one process reads it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from ..model import Llama
from ..tokenizer import Tokenizer
from .native import FILE, TrainingState, load_for_training, save_native
from .sharded import complete_shards, open_shards
from .slices import read_tensors


def load_run(run_dir: str | Path) -> tuple[Llama, Tokenizer | None, TrainingState]:
    """Read the last checkpoint of a run, whole, with the state of its optimiser.

    Parameters
    ----------
    run_dir : path
        Holds the package's own file, or a sharded checkpoint; of both, that of the later step counts.

    Raises
    ------
    CheckpointError
        If there is no whole checkpoint.
    """
    shards = latest_shards(run_dir)
    return load_for_training(run_dir) if shards is None else load_sharded(shards)


def latest_shards(run_dir: str | Path) -> Path | None:
    """Return the sharded checkpoint that the run in `run_dir` goes on from; None if there is none.

    Examples
    --------
    >>> latest_shards("no/such/run") is None
    True
    """
    complete = complete_shards(run_dir)
    if not complete or _step(complete[-1]) <= _native_step(Path(run_dir)):
        return None
    return complete[-1]


def latest_step(run_dir: str | Path) -> int | None:
    """Return the step of a run's last checkpoint; None if there is none.

    Examples
    --------
    >>> latest_step("no/such/run") is None
    True
    """
    steps = [_native_step(Path(run_dir)), *map(_step, complete_shards(run_dir))]
    return None if max(steps) < 0 else max(steps)


def latest_values(run_dir: str | Path) -> dict[str, Any]:
    """Return what a run's last checkpoint says of it, without its tensors; empty if there is none.

    Examples
    --------
    >>> latest_values("no/such/run")
    {}
    """
    shards = latest_shards(run_dir)
    return _native_values(Path(run_dir)) if shards is None else open_shards(shards).values


def load_sharded(directory: str | Path) -> tuple[Llama, Tokenizer | None, TrainingState]:
    """Read a sharded checkpoint into one process: model, tokenizer and the state of its run."""
    shards = open_shards(directory)
    model = Llama(shards.cfg)
    state = {
        name: torch.empty_like(tensor, device="cpu")
        for name, tensor in shards.tensors.items()
        if name.startswith("training.")
    }
    read_tensors(directory, {f"model.{name}": p for name, p in model.named_parameters()} | state)
    moments = {name.removeprefix("training."): tensor for name, tensor in state.items()}
    return model, shards.tokenizer, TrainingState(shards.values, moments)


def consolidate(run_dir: str | Path) -> Path:
    """Turn a run's sharded checkpoint into the package's own single file, which every command reads.

    One process does this, and holds model and optimiser while it does. The run can be resumed as before.

    Returns
    -------
    Path
        The file; where there is no sharded checkpoint, nothing has been done.
    """
    shards = latest_shards(run_dir)
    if shards is not None:
        model, tokenizer, state = load_sharded(shards)
        save_native(model, tokenizer, run_dir, state)
    remove_shards(run_dir)
    return Path(run_dir) / FILE


def remove_shards(run_dir: str | Path) -> None:
    """Remove the sharded checkpoints in `run_dir`, when a single file has taken their place."""
    for directory in complete_shards(run_dir):
        shutil.rmtree(directory, ignore_errors=True)


def _step(shards: Path) -> int:
    """Return the step in the name of a sharded checkpoint."""
    digits = shards.name.removeprefix("shards-")
    return int(digits) if digits.isdecimal() else -1


def _native_step(run_dir: Path) -> int:
    """Return the step of the run's single file; -1 if there is none that can be read."""
    try:
        return int(_native_values(run_dir)["step"])
    except (KeyError, ValueError, TypeError):
        return -1


def _native_values(run_dir: Path) -> dict[str, Any]:
    """Return what the run's single file says of it; nothing if there is none that can be read."""
    try:
        with safe_open(run_dir / FILE, framework="pt") as reader:
            return dict(json.loads((reader.metadata() or {})["training"]))
    except (OSError, SafetensorError, KeyError, ValueError, TypeError):
        return {}
