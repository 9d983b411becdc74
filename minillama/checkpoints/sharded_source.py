"""A sharded checkpoint as a `Source`: any command can read what several processes have written so far."""

from __future__ import annotations

from pathlib import Path

import torch

from ..reference.weights import weight_shapes
from ..tokenizer import Tokenizer
from .dtypes import Array
from .native import MODEL
from .sharded import complete_shards, open_shards
from .slices import read_tensors
from .source import Source, TensorInfo
from .torch_side import dtype_name, to_array


class ShardedSource(Source):
    """The last sharded checkpoint of a run, open for reading; each weight is put together when it is read."""

    format = "sharded"

    def __init__(self, path: Path) -> None:
        self._shards = open_shards(complete_shards(path)[-1])
        self.path, self.cfg = self._shards.directory, self._shards.cfg
        self.files = sorted(self.path.glob("*.safetensors"))
        self.tensors = {}
        for name, shape in weight_shapes(self.cfg).items():
            tensor = self._shards.tensors[MODEL + name]
            dtype = dtype_name(tensor)
            self.tensors[name] = TensorInfo(shape, dtype, dtype, tensor.numel() * tensor.itemsize)

    def read(self, name: str) -> Array:
        """Read one weight."""
        tensor = torch.empty_like(self._shards.tensors[MODEL + name], device="cpu")
        read_tensors(self.path, {MODEL + name: tensor})
        return to_array(tensor)

    def _tokenizer(self) -> Tokenizer | None:
        return self._shards.tokenizer
