"""Hugging Face directories, read.

::

    config.json                               the shape: `hf_config`
    model.safetensors                         the weights: names by `hf_names`, rotary layout half, as ours
    or model.safetensors.index.json           "weight_map": {tensor: file}, and the files it names
    tokenizer.json, or tokenizer.model        the tokenizer; tokenizer_config.json: which tokens end a text

Whatever else lies there is left alone; ``pytorch_model.bin`` is a pickle and is not read. A file may be a
link, as in the hub's cache, but the index can only name files of its own directory.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..tokenizer import Tokenizer
from .dtypes import FLOATS, Array
from .errors import CheckpointError
from .hf_config import read_config
from .hf_names import to_hf
from .safetensors_file import SafetensorsFile
from .source import Source, TensorInfo, match_tensors, read_json

CONFIG, SINGLE, INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"
HEAD, TABLE = "lm_head.weight", "model.embed_tokens.weight"
BLOCK = 1 << 20
"""Numbers compared at once, about."""


class HFSource(Source):
    """A Hugging Face directory, open for reading; CheckpointError if it is broken or another model."""

    format = "hf"

    def __init__(self, path: Path) -> None:
        self.path = path
        self.cfg = read_config(path / CONFIG, read_json(path / CONFIG))
        self._files: list[SafetensorsFile] = []
        self._home: dict[str, SafetensorsFile] = {}  # of each tensor, by their names
        try:
            self._open_files()
            self.files = [file.path for file in self._files]
            self._match()
        except BaseException:
            self.close()
            raise

    def _open_files(self) -> None:
        """Open one file, or all that the index names."""
        single = (self.path / SINGLE).is_file()
        weight_map = None if single else _weight_map(self.path / INDEX)
        for name in [SINGLE] if weight_map is None else sorted(set(weight_map.values())):
            file = SafetensorsFile(self.path / name)
            self._files.append(file)
            for tensor in file.entries:
                if tensor in self._home:
                    raise CheckpointError(
                        f"{file.path}: tensor {tensor!r:.80} is in {self._home[tensor].path.name} too;"
                        " expected it once"
                    )
                self._home[tensor] = file
        for tensor, name in (weight_map or {}).items():
            if tensor not in self._home or self._home[tensor].path.name != name:
                raise CheckpointError(
                    f"{self.path / name}: tensor {tensor!r:.80} is missing; the index says it is here"
                )

    def _match(self) -> None:
        """Compare the tensors with the configuration."""
        found = {name: file.entries[name].shape for name, file in self._home.items()}
        found = {name: shape for name, shape in found.items() if not name.endswith("rotary_emb.inv_freq")}
        self._second_head = self.cfg.tie_embeddings and HEAD in found and found[HEAD] == found.get(TABLE)
        if self._second_head:
            del found[HEAD]
        if self.cfg.attention_bias:
            for name in [name for name in found if name.endswith("self_attn.o_proj.bias")]:
                del found[name]
                if self._home[name].read(name).any():
                    raise CheckpointError(
                        f"{self._home[name].path}: {name} is not zero; expected no bias in attention's output"
                    )
        self.tensors, self._theirs = {}, match_tensors(self.path, self.cfg, found, to_hf)
        for ours, theirs in self._theirs.items():
            entry = self._home[theirs].entries[theirs]
            if entry.dtype not in FLOATS:
                raise CheckpointError(
                    f"{self._home[theirs].path}: {theirs} is {entry.dtype}; expected floats"
                )
            self.tensors[ours] = TensorInfo(entry.shape, entry.dtype, entry.dtype, entry.n_bytes)

    def read(self, name: str) -> Array:
        """Read one weight."""
        theirs = self._theirs[name]
        if theirs == TABLE and self._second_head:
            self._compare_heads()
        return self._home[theirs].read(theirs)

    def _compare_heads(self) -> None:
        """Make sure that a head stored beside a tied embedding is the embedding."""
        rows = max(1, BLOCK // self.cfg.dim)
        for first in range(0, self.cfg.vocab_size, rows):
            head, table = (self._home[name].read_rows(name, first, rows) for name in (HEAD, TABLE))
            if not np.array_equal(head, table):
                raise CheckpointError(
                    f"{self._home[HEAD].path}: {HEAD} differs from {TABLE}; expected the same, as"
                    " tie_word_embeddings is true"
                )

    def _tokenizer(self) -> Tokenizer | None:
        for name in ("tokenizer.json", "tokenizer.model"):
            if (self.path / name).is_file():
                return Tokenizer.load(self.path / name)
        return None

    def close(self) -> None:
        """Close all files."""
        for file in self._files:
            file.close()


def _weight_map(index: Path) -> dict[str, str]:
    """Read which file holds which tensor; every file is one of the index's own directory."""
    if not index.is_file():
        pickled = [file.name for file in index.parent.glob("pytorch_model*.bin")]
        advice = "; a .bin file is a pickle: save it anew as safetensors" if pickled else ""
        raise CheckpointError(f"{index.parent}: has no {SINGLE} and no {INDEX}{advice}")
    weight_map = read_json(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise CheckpointError(
            f"{index}: weight_map is {weight_map!r:.60}; expected a table of tensors and files"
        )
    for tensor, name in weight_map.items():
        if not isinstance(name, str) or not _is_plain(name):
            raise CheckpointError(
                f"{index}: {tensor!r:.80} is in {name!r:.80}; expected a .safetensors file beside the index"
            )
    return weight_map


def _is_plain(name: str) -> bool:
    """Tell whether a name can only mean a safetensors file in the directory itself."""
    return name.endswith(".safetensors") and not set(name) & set("/\\:\0") and not name.startswith(".")
