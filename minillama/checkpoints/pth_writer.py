"""PyTorch's ``.pth`` files, written: the layout that `pth_file` draws, by the standard library alone.

`torch.save` would need all tensors at once. The pickle is made with placeholders in their place; the bytes of
each come when its turn does.
"""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import torch

from .dtypes import NUMPY, Array, size_of

ALIGNMENT = 64
LOCAL_HEADER, ZIP64_EXTRA = 30, 20  # bytes before a member's name; of the field that zipfile adds
STORAGES = {"F64": "DoubleStorage", "F32": "FloatStorage", "F16": "HalfStorage", "BF16": "BFloat16Storage"}


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
