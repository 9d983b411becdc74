"""Meta's directories, read and written.

::

    params.json               the shape: `meta_params`
    consolidated.00.pth       the weights of the first process of a model-parallel run
    consolidated.01.pth       of the second, and so on: `meta_shards`
    tokenizer.model           SentencePiece (LLaMA 1 and 2) or ranks (LLaMA 3)

Queries and keys are in the interleaved layout of rotary positions. One file is written; the head of a tied
model shares the bytes of the embedding. Beside it stands a small ``minillama.json`` with what Meta's code
asks its caller for, the context's length; and a tokenizer that Meta's two formats cannot express is written
as a tokenizer.json, which Meta's code does not read, but we do.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from ..tokenizer import Tokenizer, sentencepiece_writer, tiktoken_writer
from ..tokenizer.byte_level import ByteLevelBPE
from .atomic import replacing_directory
from .dtypes import FLOATS, Array
from .errors import CheckpointError
from .meta_params import published_like, read_params, write_params
from .meta_shards import FIRST, HEAD, TABLE, MetaShards
from .pth_writer import write_pth
from .rotary import heads_of, to_half, to_interleaved
from .source import Source, TensorInfo, match_tensors, read_json

PARAMS, OURS = "params.json", "minillama.json"
META_FILES = (PARAMS, OURS, "consolidated.*.pth", "tokenizer.model", "tokenizer.json")
NAMES = {"w_gate": "w1", "w_down": "w2", "w_up": "w3"}


class MetaSource(Source):
    """A directory of Meta's, open for reading; CheckpointError if it is broken or another model."""

    format = "meta"

    def __init__(self, path: Path) -> None:
        self.path = path
        params = read_json(path / PARAMS)
        max_seq_len = read_json(path / OURS).get("max_seq_len") if (path / OURS).is_file() else None
        self._shards = shards = MetaShards(path)
        self.files = shards.files
        cfg = read_params(path / PARAMS, params, shards.n_rows(), False, max_seq_len)
        like = published_like(cfg)
        tied = shards.is_tied(copies=like is not None and like.tie_embeddings)
        self.cfg = cfg.replace(tie_embeddings=tied)
        names = [name for name in shards.parts if not (tied and name == HEAD)]
        whole = {name: shards.whole_shape(name, cfg.dim) for name in names}
        self._theirs = match_tensors(path, self.cfg, whole, to_meta)
        self.tensors = {}
        for ours, theirs in self._theirs.items():
            dtype = shards.parts[theirs][1]
            if dtype not in FLOATS:
                raise CheckpointError(f"{path}: {theirs} is {dtype}; expected floats")
            self.tensors[ours] = TensorInfo(whole[theirs], dtype, dtype, shards.n_bytes(theirs))

    def read(self, name: str) -> Array:
        """Read one weight, put together from all files."""
        weight = self._shards.read(self._theirs[name], self.cfg.dim)
        heads = heads_of(name, self.cfg.n_heads, self.cfg.n_kv_heads)
        return weight if heads is None else to_half(weight, heads)

    def _tokenizer(self) -> Tokenizer | None:
        for name in ("tokenizer.model", "tokenizer.json"):
            if (self.path / name).is_file():
                return Tokenizer.load(self.path / name)
        return None


def to_meta(name: str) -> str:
    """Translate the name of a weight of ours.

    Examples
    --------
    >>> to_meta("layers.3.feed_forward.w_gate.weight")
    'layers.3.feed_forward.w1.weight'
    """
    return ".".join(NAMES.get(part, part) for part in name.split("."))


def write_meta(source: Source, path: Path, progress: Callable[[int], None] | None = None) -> None:
    """Write a source as a directory of Meta's with one file of weights, whole or not at all.

    Raises
    ------
    ValueError
        If Meta's format cannot express the configuration.
    """
    cfg = source.cfg
    files = {PARAMS: _json(write_params(cfg)), OURS: _json({"max_seq_len": cfg.max_seq_len})}
    if source.tokenizer is not None:
        name, data = _tokenizer_file(source.tokenizer)
        files[name] = data
    ours = {to_meta(name): name for name in source.tensors}

    def read(theirs: str) -> Array:
        name = ours[theirs]
        if progress is not None:
            progress(source.tensors[name].n_bytes)
        weight, heads = source.read(name), heads_of(name, cfg.n_heads, cfg.n_kv_heads)
        return weight if heads is None else to_interleaved(weight, heads)

    tensors = {to_meta(name): (info.shape, info.dtype) for name, info in source.tensors.items()}
    with replacing_directory(path, META_FILES) as directory:
        for name, data in files.items():
            (directory / name).write_bytes(data)
        with (directory / FIRST).open("wb") as file:
            write_pth(file, tensors, read, {HEAD: TABLE} if cfg.tie_embeddings else {})


def _tokenizer_file(tokenizer: Tokenizer) -> tuple[str, bytes]:
    """Return the name and contents of the file that expresses a tokenizer."""
    is_bytes = isinstance(tokenizer.model, ByteLevelBPE)
    writer = tiktoken_writer.write if is_bytes else sentencepiece_writer.write
    try:
        return "tokenizer.model", writer(tokenizer)
    except ValueError:
        return "tokenizer.json", tokenizer.to_json().encode()


def _json(table: dict[str, object]) -> bytes:
    return (json.dumps(table, indent=1) + "\n").encode()
