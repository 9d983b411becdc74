"""PyTorch's ``.pth`` files: a zip archive of a pickle and of the bytes of each storage.

::

    NAME/data.pkl        a dict of names and tensors; of each its storage, place in it, shape and strides
    NAME/data/0          the bytes of storage "0", uncompressed, at a multiple of 64 in the file
    NAME/version, NAME/byteorder

A pickle is a program. Files are read by `torch.load` with ``weights_only=True``, which builds tensors and
nothing else, and ``mmap=True``, so that bytes come when they are asked for. They are written here with the
standard library, as `torch.save` would need all tensors at once.
"""

from __future__ import annotations

import io
import pickle
import re
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import torch
from torch import Tensor

from .dtypes import NUMPY, Array, size_of
from .errors import CheckpointError
from .torch_side import NAMES, dtype_name, to_array

MAPPED = 16 << 20
"""Bytes read before the file is mapped anew: the pages of a map count as memory of the process."""
ALIGNMENT = 64
LOCAL_HEADER, ZIP64_EXTRA = 30, 20  # bytes before a member's name; of the field that zipfile adds
STORAGES = {"F64": "DoubleStorage", "F32": "FloatStorage", "F16": "HalfStorage", "BF16": "BFloat16Storage"}


class PthFile:
    """A ``.pth`` file of tensors, open for reading.

    Attributes
    ----------
    tensors : dict of name to (shape, dtype)

    Raises
    ------
    CheckpointError
        If it is broken, or holds anything but dense tensors by name.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        _check_archive(path)
        self._mapped = self._map()
        self.tensors = self._described()
        self._read = 0

    def _map(self) -> dict[str, Tensor]:
        """Map the file; no tensor's bytes are read."""
        try:
            loaded = torch.load(self.path, map_location="cpu", weights_only=True, mmap=True)
        except Exception as error:  # a broken pickle makes the unpickler raise anything
            found = re.search(r"GLOBAL (\S+)", str(error))
            told = (
                f"asks for {found[1]}" if found else f"{type(error).__name__}: {str(error).splitlines()[:1]}"
            )
            raise CheckpointError(f"{self.path}: is not a file of tensors alone: {told:.200}") from None
        if not isinstance(loaded, dict) or not loaded:
            raise CheckpointError(f"{self.path}: holds a {type(loaded).__name__}; expected tensors by name")
        for name, tensor in loaded.items():
            if not isinstance(name, str) or not isinstance(tensor, Tensor):
                raise CheckpointError(
                    f"{self.path}: {name!r:.60} is a {type(tensor).__name__}; expected tensors by name"
                )
            plain = tensor.layout == torch.strided and tensor.is_contiguous() and tensor.is_cpu
            if not plain or tensor.dtype not in NAMES or tensor.nbytes > tensor.untyped_storage().nbytes():
                raise CheckpointError(
                    f"{self.path}: tensor {name!r:.60} of shape {tuple(tensor.shape)!s:.80} has no plain"
                    f" bytes of its own ({tensor.dtype}); expected a contiguous tensor of floats"
                )
        return loaded

    def _described(self) -> dict[str, tuple[tuple[int, ...], str]]:
        return {name: (tuple(tensor.shape), dtype_name(tensor)) for name, tensor in self._mapped.items()}

    def same_storage(self, one: str, other: str) -> bool:
        """Tell whether two tensors are the same bytes of the file."""
        return self._mapped[one].data_ptr() == self._mapped[other].data_ptr()

    def equal(self, one: str, other: str) -> bool:
        """Tell whether two tensors hold the same numbers."""
        equal = torch.equal(self._mapped[one], self._mapped[other])
        self._mapped = self._map()
        return equal

    def n_bytes(self, name: str) -> int:
        """Return the bytes of a tensor."""
        return self._mapped[name].nbytes

    def read(self, name: str) -> Array:
        """Read one tensor."""
        array = to_array(self._mapped[name]).copy()
        self._read += array.nbytes
        if self._read > MAPPED:
            self._mapped, self._read = self._map(), 0
            if self._described() != self.tensors:
                raise CheckpointError(f"{self.path}: has changed while being read")
        return array


def _check_archive(path: Path) -> None:
    """Make sure that nothing in the archive is larger than it looks, before it is unpacked."""
    if not path.is_file():
        raise CheckpointError(f"{path}: there is no such file")
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except Exception as error:  # zipfile's own, and what broken numbers lead it into
        raise CheckpointError(f"{path}: is not a whole archive of tensors ({error!s:.100})") from None
    names = [member.filename for member in members]
    twice = {name for name in names if names.count(name) > 1} if len(set(names)) < len(names) else set()
    packed = [member.filename for member in members if member.compress_type != zipfile.ZIP_STORED]
    if twice or packed or sum(member.file_size for member in members) > path.stat().st_size:
        found = (
            f"{min(twice)!r:.60} twice" if twice else f"{packed[0]!r:.60} packed" if packed else "lying sizes"
        )
        raise CheckpointError(f"{path}: has {found}; expected an archive of plain members")


class _Storage(NamedTuple):
    """The bytes of one tensor, or of several."""

    key: str
    dtype: str
    numel: int


class _Placeholder:
    """Stands in the pickle for a tensor whose bytes come later."""

    def __init__(self, storage: _Storage, shape: tuple[int, ...]) -> None:
        self.storage, self.shape = storage, shape

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        strides = tuple(int(np.prod(self.shape[i + 1 :], dtype=np.int64)) for i in range(len(self.shape)))
        rebuild = torch._utils._rebuild_tensor_v2
        return rebuild, (self.storage, 0, self.shape, strides, False, OrderedDict())


class _Pickler(pickle.Pickler):
    """Writes storages as `torch.load` wants them: by name."""

    def persistent_id(self, obj: Any) -> tuple[Any, ...] | None:
        if not isinstance(obj, _Storage):
            return None
        return "storage", getattr(torch, STORAGES[obj.dtype]), obj.key, "cpu", obj.numel


def write_pth(
    file: BinaryIO,
    tensors: Mapping[str, tuple[tuple[int, ...], str]],
    read: Callable[[str], Array],
    same: Mapping[str, str],
) -> None:
    """Write a ``.pth`` file, asking for one tensor after another.

    Parameters
    ----------
    file : binary file
        That can seek.
    tensors : mapping of name to (shape, dtype)
    read : callable
        Gives the array of a name.
    same : mapping of name to name
        Tensors that are others over again: they share their bytes.
    """
    storages: dict[str, _Storage] = {}
    table: dict[str, _Placeholder] = {}
    for i, (name, (shape, dtype)) in enumerate(tensors.items()):
        storages[name] = _Storage(str(i), dtype, int(np.prod(shape, dtype=np.int64)))
        table[name] = _Placeholder(storages[name], shape)
    table |= {copy: table[name] for copy, name in same.items()}
    pickled = io.BytesIO()
    _Pickler(pickled, protocol=2).dump(table)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        _member(archive, "data.pkl", pickled.getvalue())
        _member(archive, "byteorder", b"little")
        for name, storage in storages.items():
            array = read(name).astype(NUMPY[storage.dtype], order="C", copy=False)
            assert array.nbytes == storage.numel * size_of(storage.dtype), name
            _member(archive, f"data/{storage.key}", array.reshape(-1).view(np.uint8).data)
        _member(archive, "version", b"3\n")


def _member(archive: zipfile.ZipFile, name: str, data: bytes | memoryview) -> None:
    """Write one member so that its bytes begin at a multiple of 64: an extra field fills the gap."""
    member = zipfile.ZipInfo(f"consolidated/{name}")
    assert archive.fp is not None
    begun = archive.fp.tell() + LOCAL_HEADER + len(member.filename) + ZIP64_EXTRA + 4
    gap = -begun % ALIGNMENT
    member.extra = struct.pack("<2sH", b"FB", gap) + bytes(gap)
    with archive.open(member, "w", force_zip64=True) as opened:
        opened.write(data)
