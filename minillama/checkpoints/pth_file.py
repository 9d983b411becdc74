"""PyTorch's ``.pth`` files, read: a zip archive of a pickle and of the bytes of each storage.

::

    NAME/data.pkl        a dict of names and tensors; of each its storage, place in it, shape and strides
    NAME/data/0          the bytes of storage "0", uncompressed, at a multiple of 64 in the file
    NAME/version, NAME/byteorder

A pickle is a program. Files are read by `torch.load` with ``weights_only=True``, which builds tensors and
nothing else, and ``mmap=True``, so that bytes come when they are asked for.
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import torch
from torch import Tensor

from .dtypes import Array
from .errors import CheckpointError
from .torch_side import NAMES, dtype_name, to_array

MAPPED = 16 << 20
"""Bytes read before the file is mapped anew: the pages of a map count as memory of the process."""


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
