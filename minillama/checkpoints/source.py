"""What every reader of a checkpoint offers: a configuration, a tokenizer, and tensors one at a time.

Loading a model, converting a file and inspecting one all begin here, so each format has one reader (its
subclass of `Source`), and one writer that takes any source. Names and layout are the package's own (see
`minillama.reference.weights`); foreign ones stay in the readers. Nothing here imports torch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import cached_property
from io import BufferedReader
from pathlib import Path
from typing import ClassVar, NamedTuple, TypeVar

import numpy as np

from ..config import LlamaConfig
from ..reference.weights import weight_shapes
from ..tokenizer import Tokenizer, TokenizerError
from ..tokenizer.hf_json import parse_json
from .dtypes import NUMPY, Array, cast
from .errors import CheckpointError

MAX_JSON_BYTES = 100_000_000
"""Longest JSON that is read: safetensors' own limit for a header."""

LONGEST_AXIS = 2**48
"""No weights have so many rows; longer numbers are lies, and may be too long to be printed."""
Opened = TypeVar("Opened", bound="Source")  # what beartype's hook can check, unlike Self


class TensorInfo(NamedTuple):
    """What is known of a tensor before it is read.

    Attributes
    ----------
    shape : tuple of int
    dtype : str
        Of what reading it gives, a name of `minillama.checkpoints.dtypes.FLOATS`.
    stored : str
        The format in the file: the same, or blocks such as ``"Q4_0"``.
    n_bytes : int
        In the file.
    """

    shape: tuple[int, ...]
    dtype: str
    stored: str
    n_bytes: int


class Source(ABC):
    """A checkpoint, open for reading; a context manager.

    Attributes
    ----------
    format : str
        ``"native"``, ``"hf"``, ``"gguf"``, ``"meta"``, or ``"model"`` for one in memory.
    path : Path
    files : list of Path
        What the weights are read from.
    cfg : LlamaConfig
    tensors : dict of name to TensorInfo
        Every weight of the configuration, and no other; a tied head is left out.
    """

    format: ClassVar[str]
    path: Path
    files: list[Path]
    cfg: LlamaConfig
    tensors: dict[str, TensorInfo]

    @abstractmethod
    def read(self, name: str) -> Array:
        """Read one weight, in the package's layout; CheckpointError if it cannot be."""

    @abstractmethod
    def _tokenizer(self) -> Tokenizer | None:
        """Read the tokenizer; TokenizerError if it is broken."""

    @cached_property
    def tokenizer(self) -> Tokenizer | None:
        """The tokenizer, read when it is first asked for; None if there is none."""
        try:
            return self._tokenizer()
        except TokenizerError as error:
            raise CheckpointError(f"{_located(self.path, error)} (its tokenizer)") from None

    def close(self) -> None:  # noqa: B027
        """Close the files; a source without any has nothing to do."""

    def __enter__(self: Opened) -> Opened:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class Recast(Source):
    """Another source's weights, all in one format."""

    format = "recast"

    def __init__(self, source: Source, dtype: str) -> None:
        self.source, self.dtype = source, dtype
        self.path, self.files, self.cfg = source.path, source.files, source.cfg
        self.tensors = {name: info._replace(dtype=dtype) for name, info in source.tensors.items()}

    def read(self, name: str) -> Array:
        """Read one weight and round it."""
        try:
            return cast(self.source.read(name), self.source.tensors[name].dtype, self.dtype)
        except CheckpointError:
            raise
        except ValueError as error:
            raise ValueError(f"{self.path}: {name}: {error}") from None

    def _tokenizer(self) -> Tokenizer | None:
        return self.source.tokenizer


def match_tensors(
    where: Path, cfg: LlamaConfig, found: Mapping[str, tuple[int, ...]], rename: Callable[[str], str]
) -> dict[str, str]:
    """Return the file's name of every weight that the configuration asks for.

    Parameters
    ----------
    where : Path
        For the error.
    cfg : LlamaConfig
    found : mapping of name to shape
        What the file holds, by its own names.
    rename : callable
        From our names to the file's.

    Raises
    ------
    CheckpointError
        For the first tensor that is missing, misshapen or unknown, before any is read.
    """
    if cfg.extensions:
        raise CheckpointError(
            f"{where}: its configuration wants {', '.join(cfg.extensions)}; expected a LLaMA"
        )
    if cfg.n_layers > len(found):  # before a list of that length is made
        raise CheckpointError(f"{where}: {len(found)} tensors cannot make {cfg.n_layers} layers")
    if max(cfg.vocab_size, cfg.dim, cfg.n_heads * cfg.head_dim, cfg.hidden_dim) >= LONGEST_AXIS:
        raise CheckpointError(f"{where}: its configuration asks for a matrix with 2**48 rows or more")
    names = {}
    for name, shape in weight_shapes(cfg).items():
        theirs = names[name] = rename(name)
        if theirs not in found:
            raise CheckpointError(f"{where}: tensor {theirs} is missing; expected one of shape {shape}")
        if found[theirs] != shape:
            raise CheckpointError(
                f"{where}: tensor {theirs} has shape {found[theirs]}, its configuration asks for {shape}"
            )
    unknown = sorted(found.keys() - set(names.values()))
    if unknown:
        raise CheckpointError(f"{where}: unknown tensor {unknown[0]!r:.80}; expected those of a LLaMA alone")
    return names


def read_array(file: BufferedReader, where: Path, offset: int, shape: tuple[int, ...], dtype: str) -> Array:
    """Read one tensor's numbers at an offset that has been checked."""
    array = np.empty(shape, NUMPY[dtype])
    file.seek(offset)
    if file.readinto(array.reshape(-1).view(np.uint8).data) != array.nbytes:
        raise CheckpointError(
            f"{where}: ends before offset {offset + array.nbytes}: it was cut while being read"
        )
    return array


def read_json(path: Path) -> dict[str, object]:
    """Read a JSON object of bounded size, in which no key stands twice."""
    if not path.is_file():
        raise CheckpointError(f"{path}: there is no such file")
    size = path.stat().st_size
    if size > MAX_JSON_BYTES:
        raise CheckpointError(f"{path}: has {size:,} bytes; expected at most {MAX_JSON_BYTES:,} of JSON")
    return json_object(path, path.read_bytes())


def json_object(where: Path, data: bytes) -> dict[str, object]:
    """Parse a JSON object in which no key stands twice; CheckpointError otherwise."""
    try:
        return parse_json(data)
    except ValueError as error:
        raise CheckpointError(f"{where}: {error}") from None


def _located(path: Path, error: Exception) -> str:
    """Name the checkpoint in a message that does not."""
    return str(error) if str(error).startswith(str(path)) else f"{path}: {error}"
