"""The files of a model-parallel run, put together: ``consolidated.00.pth`` and those that follow it.

::

    wq wk wv w1 w3 output    cut by rows       [ 00 ]      wo w2, and the embedding      [ 00 | 01 ]
    the embedding, LLaMA 3                     [ 01 ]      of LLaMA 1 and 2

Norms are the same in all files.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .dtypes import NUMPY, Array
from .errors import CheckpointError
from .pth_file import PthFile

FIRST = "consolidated.00.pth"
BY_COLUMNS = (".wo.weight", ".w2.weight")
TABLE, HEAD = "tok_embeddings.weight", "output.weight"


class MetaShards:
    """Files that hold one model together, open for reading.

    Parameters
    ----------
    path : Path
        Their directory.

    Attributes
    ----------
    files : list of Path
    parts : dict of name to (shape, dtype)
        What each of the files holds, the table of rotary angles left out.

    Raises
    ------
    CheckpointError
        If one is missing or broken, or they do not hold the same tensors.
    """

    def __init__(self, path: Path) -> None:
        self.files = sorted(path.glob("consolidated.*.pth"))
        expected_files = [path / f"consolidated.{i:02d}.pth" for i in range(len(self.files))]
        if not self.files or self.files != expected_files:
            found = ", ".join(file.name for file in self.files[:4]) or "none"
            raise CheckpointError(f"{path}: has {found}; expected {FIRST} and those that follow it")
        self._shards = [PthFile(file) for file in self.files]
        first = self._shards[0].tensors
        for shard in self._shards[1:]:
            for name in sorted(first.keys() | shard.tensors.keys()):
                found, expected = (str(tensors.get(name, "nothing")) for tensors in (shard.tensors, first))
                if found != expected:
                    raise CheckpointError(
                        f"{shard.path}: {name!r:.60} is {found:.80}; expected {expected:.80} as in {FIRST}"
                    )
        self.parts = {name: said for name, said in first.items() if not name.endswith("rope.freqs")}
        for name in (TABLE, HEAD):
            if name in self.parts and len(self.parts[name][0]) != 2:
                raise CheckpointError(f"{path}: {name} has shape {self.parts[name][0]}; expected two axes")

    def n_rows(self) -> int:
        """Return the size of the vocabulary, by the head if there is one; 0 without head and embedding."""
        if HEAD in self.parts:
            return self.parts[HEAD][0][0] * len(self.files)
        return self.parts[TABLE][0][0] if TABLE in self.parts else 0

    def is_tied(self, copies: bool) -> bool:
        """Tell whether the head is the embedding: not there, the same bytes, or (with `copies`) equal."""
        if HEAD not in self.parts:
            return True
        if TABLE not in self.parts:
            return False
        if all(shard.same_storage(TABLE, HEAD) for shard in self._shards):
            return True
        return copies and all(shard.equal(TABLE, HEAD) for shard in self._shards)

    def axis(self, name: str, dim: int) -> int | None:
        """Return the axis along which a tensor is cut; None: every file has the whole."""
        shape, _ = self.parts[name]
        if len(shape) != 2 or len(self.files) == 1:
            return None
        if name == TABLE:  # the shapes tell which family it is
            return 1 if shape[1] * len(self.files) == dim else 0
        return 1 if name.endswith(BY_COLUMNS) else 0

    def whole_shape(self, name: str, dim: int) -> tuple[int, ...]:
        """Return the shape of a tensor put together, in a model of this width."""
        cut = self.axis(name, dim)
        return tuple(n * len(self.files) if i == cut else n for i, n in enumerate(self.parts[name][0]))

    def n_bytes(self, name: str) -> int:
        """Return the bytes of a tensor in all files."""
        return sum(shard.n_bytes(name) for shard in self._shards)

    def read(self, name: str, dim: int) -> Array:
        """Read a tensor and put it together."""
        axis = self.axis(name, dim)
        if axis is None:
            weight = self._shards[0].read(name)
            for shard in self._shards[1:]:
                if not np.array_equal(shard.read(name), weight):
                    raise CheckpointError(f"{shard.path}: {name} differs from that in {FIRST}")
            return weight
        weight = np.empty(self.whole_shape(name, dim), NUMPY[self.parts[name][1]])
        for part, shard in zip(np.split(weight, len(self.files), axis), self._shards, strict=True):
            part[...] = shard.read(name)  # a view of its place
        return weight
