"""The package's own format: a directory with one file, written whole or not at all.

    DIR/minillama.safetensors
        __metadata__   format, config (JSON), tokenizer (JSON), training (JSON, while a run goes on)
        tensors        model.tok_embeddings.weight, model.layers.0.attention.wq.weight, ...
                       training.*   the optimiser's state (while a run goes on)

One file, so one rename puts a new checkpoint in the place of the old: after a crash at any moment
the last good one is there. safetensors holds numbers and text only; nothing in it is ever executed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config import LlamaConfig
from ..tokenizer import Tokenizer
from .atomic import replacing_file
from .dtypes import FLOATS, Array
from .errors import CheckpointError
from .safetensors_file import SafetensorsFile, write_safetensors
from .source import Source, TensorInfo, match_tensors

if TYPE_CHECKING:
    from torch import Tensor

    from ..model import Llama

FILE = "minillama.safetensors"
FORMAT = "minillama-1"
MODEL, TRAINING = "model.", "training."  # what names of tensors begin with


@dataclass(frozen=True)
class TrainingState:
    """What a broken-off run needs besides the weights: numbers as JSON, tensors by name."""

    values: dict[str, Any]
    tensors: dict[str, Tensor]


class NativeSource(Source):
    """A checkpoint of ours, open for reading; CheckpointError if it is missing, truncated or foreign."""

    format = "native"

    def __init__(self, path: Path) -> None:
        if not (path / FILE).is_file():
            raise CheckpointError(f"{path}: no checkpoint here (expected the file {FILE})")
        self.path, self.files = path, [path / FILE]
        self._file = SafetensorsFile(path / FILE)
        try:
            self.cfg = _config(self._file)
            entries = {n: e for n, e in self._file.entries.items() if not n.startswith(TRAINING)}
            shapes = {name: entry.shape for name, entry in entries.items()}
            names = match_tensors(self._file.path, self.cfg, shapes, lambda name: MODEL + name)
            self.tensors = {}
            for name, theirs in names.items():
                entry = entries[theirs]
                if entry.dtype not in FLOATS:
                    raise CheckpointError(
                        f"{self._file.path}: tensor {theirs} is {entry.dtype}; expected floats"
                    )
                self.tensors[name] = TensorInfo(entry.shape, entry.dtype, entry.dtype, entry.n_bytes)
        except BaseException:
            self.close()
            raise

    def read(self, name: str) -> Array:
        """Read one weight."""
        return self._file.read(MODEL + name)

    def _tokenizer(self) -> Tokenizer | None:
        text = self._file.metadata.get("tokenizer")
        return None if text is None else Tokenizer.from_json(text)

    def training(self) -> TrainingState:
        """Read the state of a run; CheckpointError if there is none."""
        from .torch_side import to_tensor

        where = self._file.path
        if "training" not in self._file.metadata:
            raise CheckpointError(f"{where}: holds a finished model, not a run that can be resumed")
        try:
            values = dict(json.loads(self._file.metadata["training"]))
        except (ValueError, TypeError, RecursionError) as error:
            raise CheckpointError(f"{where}: the state of its run cannot be read ({error})") from None
        entries = {name: e for name, e in self._file.entries.items() if name.startswith(TRAINING)}
        tensors = {
            name.removeprefix(TRAINING): to_tensor(self._file.read(name), entry.dtype)
            for name, entry in entries.items()
        }
        return TrainingState(values, tensors)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def write_native(
    source: Source,
    path: Path,
    progress: Callable[[int], None] | None = None,
    training: TrainingState | None = None,
) -> None:
    """Write a source into the directory `path`, replacing an earlier checkpoint there in one step."""
    metadata = {"format": FORMAT, "config": json.dumps(source.cfg.to_dict())}
    if source.tokenizer is not None:
        metadata["tokenizer"] = source.tokenizer.to_json()
    tensors = {MODEL + name: (info.shape, info.dtype) for name, info in source.tensors.items()}
    state: Mapping[str, Tensor] = {}
    if training is not None:
        from .torch_side import dtype_name, to_array

        metadata["training"] = json.dumps(training.values)
        state = {TRAINING + name: tensor for name, tensor in training.tensors.items()}
        tensors |= {name: (tuple(tensor.shape), dtype_name(tensor)) for name, tensor in state.items()}

    def read(name: str) -> Array:
        if name in state:
            return to_array(state[name])
        ours = name.removeprefix(MODEL)
        if progress is not None:
            progress(source.tensors[ours].n_bytes)
        return source.read(ours)

    path.mkdir(parents=True, exist_ok=True)
    with replacing_file(path / FILE) as file:
        write_safetensors(file, tensors, read, metadata)


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
    from .torch_side import ModelSource

    write_native(ModelSource(model, tokenizer), Path(path), training=training)
    return Path(path) / FILE


def load_for_training(path: str | Path) -> tuple[Llama, Tokenizer | None, TrainingState]:
    """Read a checkpoint together with the state of its run; CheckpointError if it holds none."""
    from .torch_side import build

    with NativeSource(Path(path)) as source:
        return build(source, None), source.tokenizer, source.training()


def _config(file: SafetensorsFile) -> LlamaConfig:
    """Read the configuration from the file's metadata."""
    found = file.metadata.get("format")
    if found != FORMAT:
        raise CheckpointError(f"{file.path}: format is {found!r:.40}, expected {FORMAT!r}")
    try:
        return LlamaConfig.from_dict(json.loads(file.metadata["config"]))
    except (KeyError, ValueError, TypeError, RecursionError) as error:
        raise CheckpointError(f"{file.path}: its configuration cannot be read ({error!s:.200})") from None
