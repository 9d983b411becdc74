"""The safetensors format, read and written one tensor at a time.

::

    u64 n | n bytes of JSON: {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...} | data
            "__metadata__": {"key": "text", ...}                            begin, end within the data

The `safetensors` library writes all tensors at once, and maps a file to read it; here a model that is larger
than the memory passes through in pieces, and is checked before anything is allocated: every tensor's bytes
are its shape's, they lie in the file, no two overlap, and none are left over.

References
----------
README of huggingface/safetensors, "Format".
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from .dtypes import NUMPY, Array, size_of
from .errors import CheckpointError
from .source import MAX_JSON_BYTES, json_object, read_array

MAX_AXES = 8


class Entry(NamedTuple):
    """A tensor of a file: its bytes stand at `offset`, counted from the file's beginning."""

    shape: tuple[int, ...]
    dtype: str
    offset: int
    n_bytes: int


class SafetensorsFile:
    """A safetensors file, open for reading.

    Parameters
    ----------
    path : Path

    Attributes
    ----------
    metadata : dict of str to str
    entries : dict of name to Entry

    Raises
    ------
    CheckpointError
        If the file is missing, truncated, or its header is not true.

    Examples
    --------
    >>> SafetensorsFile(Path("nothing.safetensors"))
    Traceback (most recent call last):
        ...
    minillama.checkpoints.errors.CheckpointError: nothing.safetensors: there is no such file
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise CheckpointError(f"{path}: there is no such file")
        self.path = path
        self.metadata: dict[str, str] = {}
        self.entries: dict[str, Entry] = {}
        self._file = path.open("rb")
        try:
            self._read_header(path.stat().st_size)
        except BaseException:
            self._file.close()
            raise

    def _read_header(self, size: int) -> None:
        """Read the table of tensors and check it against the file's size."""
        length = int.from_bytes(self._file.read(8), "little")
        if size < 8 or not 2 <= length <= min(size - 8, MAX_JSON_BYTES):
            raise CheckpointError(
                f"{self.path}: not a whole safetensors file: of its {size} bytes the header takes {length}"
            )
        header = json_object(self.path, self._file.read(length))
        metadata = header.pop("__metadata__", {})
        if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
            raise CheckpointError(f"{self.path}: __metadata__ is not what was expected, a table of texts")
        self.metadata = metadata
        self.entries = {name: self._entry(name, said, 8 + length) for name, said in header.items()}
        place = 8 + length
        for name, entry in sorted(self.entries.items(), key=lambda item: (item[1].offset, item[1].n_bytes)):
            if entry.offset != place:
                raise CheckpointError(
                    f"{self.path}: tensor {name!r:.80} begins at offset {entry.offset}; expected {place},"
                    " where the one before it ends"
                )
            place += entry.n_bytes
        if place != size:
            raise CheckpointError(f"{self.path}: not a whole file: has {size} bytes; expected {place}")

    def _entry(self, name: str, said: object, start: int) -> Entry:
        """Read one entry of the table."""
        table: dict[str, Any] = said if isinstance(said, dict) else {}
        dtype: object = table.get("dtype")
        shape, offsets = _counts(table.get("shape")), _counts(table.get("data_offsets"))
        if shape is None or offsets is None or len(offsets) != 2 or not isinstance(dtype, str):
            raise CheckpointError(
                f"{self.path}: the entry of {name!r:.80} is {said!r:.99}; expected dtype, shape, two offsets"
            )
        if dtype not in NUMPY:
            raise CheckpointError(
                f"{self.path}: tensor {name!r:.80} has dtype {dtype!r:.9}; expected one of {', '.join(NUMPY)}"
            )
        n_bytes = math.prod(shape) * size_of(dtype)
        if offsets[1] - offsets[0] != n_bytes:
            raise CheckpointError(
                f"{self.path}: tensor {name!r:.80} has {offsets[1] - offsets[0]} bytes; expected {n_bytes}"
                f" for {dtype} of shape {shape}"
            )
        return Entry(shape, dtype, start + offsets[0], n_bytes)

    def read(self, name: str) -> Array:
        """Read one tensor."""
        entry = self.entries[name]
        return read_array(self._file, self.path, entry.offset, entry.shape, entry.dtype)

    def read_rows(self, name: str, first: int, n: int) -> Array:
        """Read `n` rows of a tensor from row `first` on, or as many as are left."""
        entry = self.entries[name]
        row = entry.n_bytes // entry.shape[0]
        shape = (min(n, entry.shape[0] - first), *entry.shape[1:])
        return read_array(self._file, self.path, entry.offset + first * row, shape, entry.dtype)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def write_safetensors(
    file: BinaryIO,
    tensors: Mapping[str, tuple[tuple[int, ...], str]],
    read: Callable[[str], Array],
    metadata: Mapping[str, str],
) -> None:
    """Write a safetensors file, asking for one tensor after another.

    Parameters
    ----------
    file : binary file
    tensors : mapping of name to (shape, dtype)
        In the order in which they are written.
    read : callable
        Gives the array of a name.
    metadata : mapping of str to str
    """
    header: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    place = 0
    for name, (shape, dtype) in tensors.items():
        end = place + math.prod(shape) * size_of(dtype)
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [place, end]}
        place = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # so that the data begin at a multiple of eight
    file.write(len(text).to_bytes(8, "little") + text)
    for name, (shape, dtype) in tensors.items():
        array = read(name).astype(NUMPY[dtype], order="C", copy=False)
        assert array.shape == shape, (name, array.shape, shape)
        file.write(array.reshape(-1).view(np.uint8).data)


def _counts(values: object) -> tuple[int, ...] | None:
    """Return a short list of whole numbers from 0 on; None if it is something else."""
    if not isinstance(values, list) or len(values) > MAX_AXES:
        return None
    return tuple(values) if all(type(value) is int and 0 <= value < 2**63 for value in values) else None
