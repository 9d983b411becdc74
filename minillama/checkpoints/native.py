"""The package's own format: a directory with one file, written whole or not at all.

    DIR/minillama.safetensors
        __metadata__   format, config (JSON), tokenizer (JSON), training (JSON, while a run goes on)
        tensors        model.tok_embeddings.weight, model.layers.0.attention.wq.weight, ...
                       training.*   the optimiser's state (while a run goes on)

One file, so one rename puts a new checkpoint in the place of the old: after a crash at any moment
the last good one is there. safetensors holds numbers and text only; nothing in it is ever executed.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from ..config import LlamaConfig
from ..model import Llama
from ..tokenizer import Tokenizer, TokenizerError
from .errors import CheckpointError

FILE = "minillama.safetensors"
FORMAT = "minillama-1"


@dataclass(frozen=True)
class TrainingState:
    """What a broken-off run needs besides the weights: numbers as JSON, tensors by name."""

    values: dict[str, Any]
    tensors: dict[str, Tensor]


def save_native(
    model: Llama, tokenizer: Tokenizer | None, path: str | Path, training: TrainingState | None = None
) -> Path:
    """Write `model` into the directory `path`, replacing an earlier checkpoint there in one step.

    Parameters
    ----------
    model : Llama
    tokenizer : Tokenizer, optional
    path : path
        Directory, made if missing.
    training : TrainingState, optional
        Of a run that is to be resumed.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    OSError
        If the disk is full or not writable; an earlier checkpoint is then still intact.
    """
    tensors = {f"model.{name}": tensor.contiguous() for name, tensor in _weights(model).items()}
    metadata = {"format": FORMAT, "config": json.dumps(model.cfg.to_dict())}
    if tokenizer is not None:
        metadata["tokenizer"] = tokenizer.to_json()
    if training is not None:
        metadata["training"] = json.dumps(training.values)
        tensors |= {f"training.{name}": tensor.contiguous() for name, tensor in training.tensors.items()}
    target = Path(path) / FILE
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(target, to_bytes(tensors, metadata))
    return target


def write_atomically(target: Path, data: bytes) -> None:
    """Write `data` beside `target`, sync it to the disk, and rename it over `target`."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    with contextlib.suppress(OSError):  # some file systems cannot sync a directory
        directory = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def load_native(path: str | Path) -> tuple[Llama, Tokenizer | None]:
    """Read the model and tokenizer that `save_native` wrote.

    Raises
    ------
    CheckpointError
        If the file is missing, truncated, of another format, or its tensors do not fit its config.
    """
    model, tokenizer, _ = _read(path, with_training=False)
    return model, tokenizer


def load_for_training(path: str | Path) -> tuple[Llama, Tokenizer | None, TrainingState]:
    """Read a checkpoint together with the state of its run; CheckpointError if it holds none."""
    model, tokenizer, training = _read(path, with_training=True)
    assert training is not None
    return model, tokenizer, training


def _read(path: str | Path, with_training: bool) -> tuple[Llama, Tokenizer | None, TrainingState | None]:
    file = Path(path) / FILE
    if not file.is_file():
        raise CheckpointError(f"{path}: no checkpoint here (expected the file {FILE})")
    try:
        with safe_open(file, framework="pt") as reader:
            metadata = reader.metadata() or {}
            cfg = _config(file, metadata)
            stored = {name: tuple(reader.get_slice(name).get_shape()) for name in reader.keys()}  # noqa: SIM118
            if cfg.n_layers > len(stored):
                raise CheckpointError(f"{file}: {len(stored)} tensors cannot make {cfg.n_layers} layers")
            with torch.device("meta"):
                model = Llama(cfg)
            expected = {f"model.{name}": tuple(tensor.shape) for name, tensor in _weights(model).items()}
            _compare(file, expected, {n: s for n, s in stored.items() if not n.startswith("training.")})
            model = Llama(cfg)
            weights = {name.removeprefix("model."): reader.get_tensor(name) for name in expected}
            model.load_state_dict(weights, strict=False, assign=False)
            training = None
            if with_training:
                if "training" not in metadata:
                    raise CheckpointError(f"{file}: holds a finished model, not a run that can be resumed")
                names = [name for name in stored if name.startswith("training.")]
                tensors = {name.removeprefix("training."): reader.get_tensor(name) for name in names}
                try:
                    values = dict(json.loads(metadata["training"]))
                except (ValueError, TypeError) as error:
                    raise CheckpointError(f"{file}: the state of its run cannot be read ({error})") from None
                training = TrainingState(values, tensors)
    except SafetensorError as error:
        raise CheckpointError(f"{file}: not a whole safetensors file ({error})") from None
    return model, _tokenizer(file, metadata), training


def _weights(model: Llama) -> dict[str, Tensor]:
    """Return the model's tensors by name, a tied head left out: it is the embedding."""
    state = model.state_dict()
    if model.cfg.tie_embeddings:
        del state["output.weight"]
    return state


def _config(file: Path, metadata: dict[str, str]) -> LlamaConfig:
    if metadata.get("format") != FORMAT:
        raise CheckpointError(f"{file}: format is {metadata.get('format')!r}, expected {FORMAT!r}")
    try:
        return LlamaConfig.from_dict(json.loads(metadata["config"]))
    except (KeyError, ValueError, TypeError) as error:
        raise CheckpointError(f"{file}: its configuration cannot be read ({error})") from None


def _tokenizer(file: Path, metadata: dict[str, str]) -> Tokenizer | None:
    if "tokenizer" not in metadata:
        return None
    try:
        return Tokenizer.from_json(metadata["tokenizer"])
    except TokenizerError as error:
        raise CheckpointError(f"{file}: its tokenizer cannot be read ({error})") from None


def _compare(file: Path, expected: dict[str, tuple[int, ...]], found: dict[str, tuple[int, ...]]) -> None:
    """Raise a CheckpointError for the first tensor that is missing, unknown or of another shape."""
    for name, shape in expected.items():
        if name not in found:
            raise CheckpointError(f"{file}: tensor {name} is missing")
        if found[name] != shape:
            raise CheckpointError(
                f"{file}: tensor {name} has shape {found[name]}, its configuration asks for {shape}"
            )
    unknown = sorted(found.keys() - expected.keys())
    if unknown:
        raise CheckpointError(f"{file}: unknown tensor {unknown[0]}")
