"""Meta's directories, read and written.

::

    params.json               the shape: `meta_params`
    consolidated.00.pth       the weights of the first process of a model-parallel run
    consolidated.01.pth       of the second: each matrix is cut along one axis, the norms are in all
    tokenizer.model           SentencePiece (LLaMA 1 and 2) or ranks (LLaMA 3)

    wq wk wv w1 w3 output     cut by rows       [ 00 ]      wo w2, and the embedding      [ 00 | 01 ]
    the embedding of LLaMA 3                    [ 01 ]      of LLaMA 1 and 2

Queries and keys are in the interleaved layout of rotary positions. One file is written; the head of a tied
model shares the bytes of the embedding. Beside it stands a small ``minillama.json`` with what Meta's code
asks its caller for, the context's length; and a tokenizer that Meta's two formats cannot express is written
as a tokenizer.json, which Meta's code does not read, but we do.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..tokenizer import Tokenizer, sentencepiece_writer, tiktoken_writer
from ..tokenizer.byte_level import ByteLevelBPE
from .atomic import replacing_directory
from .dtypes import FLOATS, NUMPY, Array, size_of
from .errors import CheckpointError
from .meta_params import published_like, read_params, write_params
from .pth_file import PthFile, write_pth
from .rotary import heads_of, to_half, to_interleaved
from .source import Source, TensorInfo, match_tensors, read_json

PARAMS, OURS, FIRST = "params.json", "minillama.json", "consolidated.00.pth"
META_FILES = (PARAMS, OURS, "consolidated.*.pth", "tokenizer.model", "tokenizer.json")
NAMES = {"w_gate": "w1", "w_down": "w2", "w_up": "w3"}
BY_COLUMNS = ("wo", "w2")
TABLE, HEAD = "tok_embeddings.weight", "output.weight"


class MetaSource(Source):
    """A directory of Meta's, open for reading; CheckpointError if it is broken or another model."""

    format = "meta"

    def __init__(self, path: Path) -> None:
        self.path = path
        params = read_json(path / PARAMS)
        self.files = sorted(path.glob("consolidated.*.pth"))
        expected = [path / f"consolidated.{i:02d}.pth" for i in range(len(self.files))]
        if not self.files or self.files != expected:
            found = ", ".join(file.name for file in self.files[:4]) or "none"
            raise CheckpointError(f"{path}: has {found}; expected {FIRST} and those that follow it")
        self._shards = [PthFile(file) for file in self.files]
        stored = self._stored()
        for name in (TABLE, HEAD):
            if name in stored and len(stored[name][0]) != 2:
                raise CheckpointError(f"{path}: {name} has shape {stored[name][0]}; expected two axes")
        n_rows = (
            stored[HEAD][0][0] * len(self._shards) if HEAD in stored else stored.get(TABLE, ((0,), ""))[0][0]
        )
        max_seq_len = read_json(path / OURS).get("max_seq_len") if (path / OURS).is_file() else None
        self.cfg = read_params(path / PARAMS, params, n_rows, False, max_seq_len)
        if HEAD not in stored or self._is_tied():
            self.cfg = self.cfg.replace(tie_embeddings=True)
            stored.pop(HEAD, None)
        self._axes = {name: self._axis(name, shape) for name, (shape, _) in stored.items()}
        whole = {name: self._whole(shape, self._axes[name]) for name, (shape, _) in stored.items()}
        self._theirs = match_tensors(path, self.cfg, whole, to_meta)
        self.tensors = {}
        for ours, theirs in self._theirs.items():
            dtype = stored[theirs][1]
            if dtype not in FLOATS:
                raise CheckpointError(f"{path}: {theirs} is {dtype}; expected floats")
            copies = 1 if self._axes[theirs] is not None else len(self._shards)
            n_bytes = int(np.prod(whole[theirs])) * size_of(dtype) * copies
            self.tensors[ours] = TensorInfo(whole[theirs], dtype, dtype, n_bytes)

    def _stored(self) -> dict[str, tuple[tuple[int, ...], str]]:
        """Return shape and dtype of every tensor of a shard; all shards must have the same."""
        first = self._shards[0].tensors
        for shard in self._shards[1:]:
            for name in sorted(first.keys() | shard.tensors.keys()):
                found, expected = shard.tensors.get(name, "nothing"), first.get(name, "nothing")
                if found != expected:
                    raise CheckpointError(
                        f"{shard.path}: {name!r:.60} is {found}; expected {expected} as in {FIRST}"
                    )
        return {name: said for name, said in first.items() if not name.endswith("rope.freqs")}

    def _is_tied(self) -> bool:
        """Tell whether the head is the embedding: the same bytes, or a copy in a model known as tied."""
        if TABLE not in self._shards[0].tensors:
            return False
        if all(shard.same_storage(TABLE, HEAD) for shard in self._shards):
            return True
        like = published_like(self.cfg)
        known = like is not None and like.tie_embeddings
        return known and all(shard.equal(TABLE, HEAD) for shard in self._shards)

    def _axis(self, name: str, shape: tuple[int, ...]) -> int | None:
        """Return the axis along which the shards are cut; None: every shard has the whole."""
        if len(shape) != 2 or len(self._shards) == 1:
            return None
        if name == TABLE:
            return 1 if shape[1] * len(self._shards) == self.cfg.dim else 0
        return 1 if name.split(".")[-2] in BY_COLUMNS else 0

    def _whole(self, shape: tuple[int, ...], axis: int | None) -> tuple[int, ...]:
        return tuple(n * len(self._shards) if i == axis else n for i, n in enumerate(shape))

    def read(self, name: str) -> Array:
        """Read one weight, put together from all shards."""
        theirs = self._theirs[name]
        axis, info = self._axes[theirs], self.tensors[name]
        if axis is None:
            weight = self._shards[0].read(theirs)
            for shard in self._shards[1:]:
                if not np.array_equal(shard.read(theirs), weight):
                    raise CheckpointError(
                        f"{shard.path}: {theirs} differs from that in {FIRST}; expected the same"
                    )
        else:
            weight = np.empty(info.shape, NUMPY[info.dtype])
            width = info.shape[axis] // len(self._shards)
            for i, shard in enumerate(self._shards):
                part = slice(i * width, (i + 1) * width)
                weight[part if axis == 0 else (slice(None), part)] = shard.read(theirs)
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
