"""GGUF files of a LLaMA, read.

Behind the metadata (see `minillama.tokenizer.gguf_vocab`) stands a list of tensors, then their bytes, each
tensor beginning at a multiple of the alignment::

    tensor:  name  n_axes u32  lengths u64 ...  kind u32  offset u64     lengths from the fastest axis on

Files of this architecture hold queries and keys in the interleaved layout of rotary positions; what is
returned is in the package's, ``half``. Norms and biases are float32 in every file; where the matrices have a
shorter format that holds these numbers as well, they are given in it, so that a model of bfloat16 comes back
as one.

References
----------
``docs/gguf.md`` in ggml-org/ggml; the names of tensors in ggml-org/llama.cpp, ``gguf-py/gguf/constants.py``.
"""

from __future__ import annotations

import math
import mmap
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..config import LlamaConfig
from ..quantization import dequantize
from ..reference.weights import Weights
from ..tokenizer import Tokenizer, TokenizerError
from ..tokenizer.gguf_vocab import Reader, from_metadata, read_header
from .dtypes import FLOATS, Array, cast, is_finite
from .errors import CheckpointError
from .gguf_config import read_metadata_config
from .gguf_names import DIVISORS, KINDS, SIZES, to_gguf
from .rotary import heads_of, to_half
from .source import Source, TensorInfo, match_tensors, read_array


class _Tensor(NamedTuple):
    """Where a tensor is and what it is; the shape is NumPy's, the fastest axis last."""

    shape: tuple[int, ...]
    kind: str
    offset: int
    n_bytes: int


class GGUFSource(Source):
    """A GGUF file, open for reading; CheckpointError if it is broken or another model."""

    format = "gguf"

    def __init__(self, path: Path) -> None:
        self.path, self.files = path, [path]
        if not path.is_file():
            raise CheckpointError(f"{path}: there is no such file")
        if path.stat().st_size == 0:
            raise CheckpointError(f"{path}: is empty; expected a GGUF file")
        self._file = path.open("rb")
        try:
            self._open()
        except BaseException as error:
            self.close()
            if isinstance(error, TokenizerError | CheckpointError) and not str(error).startswith(str(path)):
                raise CheckpointError(f"{path}: {error}") from None
            raise

    def _open(self) -> None:
        """Read what the file says about itself, and compare."""
        with mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            self._metadata, n_tensors, reader = read_header(data)
            stored = _read_table(reader, n_tensors, self._metadata.get("general.alignment", 32), len(data))
        self._stored = stored
        divisors = self._read_stored(DIVISORS).reshape(-1) if DIVISORS in stored else None
        self.cfg = read_metadata_config(
            self._metadata, "output.weight" not in stored, "blk.0.attn_q.bias" in stored, divisors
        )
        shapes = {name: tensor.shape for name, tensor in stored.items() if name != DIVISORS}
        self._theirs = match_tensors(self.path, self.cfg, shapes, to_gguf)
        self.tensors = {}
        for ours, theirs in self._theirs.items():
            shape, kind, _, n_bytes = stored[theirs]
            self.tensors[ours] = TensorInfo(shape, kind if kind in FLOATS else "F32", kind, n_bytes)
        self._shorten_vectors()

    def _shorten_vectors(self) -> None:
        """Give norms and biases in the format of the matrices, if that holds all of them exactly."""
        main = self.tensors["tok_embeddings.weight"].dtype
        vectors = [name for name, info in self.tensors.items() if len(info.shape) == 1]
        if main == "F32" or any(self.tensors[name].stored != "F32" for name in vectors):
            return
        for name in vectors:
            wide = self.read(name)
            try:
                if not np.array_equal(cast(cast(wide, "F32", main), main, "F32"), wide):
                    return
            except ValueError:  # too large for it
                return
        for name in vectors:
            self.tensors[name] = self.tensors[name]._replace(dtype=main)

    def read(self, name: str) -> Array:
        """Read one weight; quantised ones become float32."""
        theirs = self._theirs[name]
        weight = self._read_stored(theirs)
        stored = "F32" if self._stored[theirs].kind not in FLOATS else self._stored[theirs].kind
        if not is_finite(weight, stored).all():
            raise CheckpointError(
                f"{self.path}: has weights in {theirs!r} that are not finite; expected numbers"
            )
        heads = heads_of(name, self.cfg.n_heads, self.cfg.n_kv_heads)
        return cast(weight if heads is None else to_half(weight, heads), stored, self.tensors[name].dtype)

    def _read_stored(self, theirs: str) -> Array:
        """Read a tensor as it stands in the file; blocks become float32."""
        shape, kind, offset, n_bytes = self._stored[theirs]
        if kind in FLOATS:
            return read_array(self._file, self.path, offset, shape, kind)
        return dequantize(read_array(self._file, self.path, offset, (n_bytes,), "U8"), kind).reshape(shape)

    def _tokenizer(self) -> Tokenizer | None:
        kind = self._metadata.get("tokenizer.ggml.model")
        return None if kind in (None, "none", "no_vocab") else from_metadata(self._metadata)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_gguf(path: str | Path) -> tuple[LlamaConfig, Weights]:
    """Read configuration and weights of a LLaMA-architecture GGUF file, for the reference.

    Parameters
    ----------
    path : path

    Returns
    -------
    cfg : LlamaConfig
    weights : dict of name to float32 array
        As `minillama.reference.ReferenceLlama` takes them; queries and keys in the half layout.

    Raises
    ------
    CheckpointError
        If there is no such file, it is broken, or it holds another architecture or an unknown format: the
        text says what was expected where.

    Examples
    --------
    >>> read_gguf("nothing.gguf")
    Traceback (most recent call last):
        ...
    minillama.checkpoints.errors.CheckpointError: nothing.gguf: there is no such file
    """
    with GGUFSource(Path(path)) as source:
        return source.cfg, {
            name: cast(source.read(name), info.dtype, "F32") for name, info in source.tensors.items()
        }


def _read_table(reader: Reader, n_tensors: int, alignment: object, size: int) -> dict[str, _Tensor]:
    """Read the list of tensors, and check that each lies within the file and none within another."""
    tensors: dict[str, _Tensor] = {}
    for _ in range(n_tensors):  # ends with the file at the latest
        name = reader.text()
        n_axes = reader.numbers("I", 1)[0]
        if name in tensors or not 1 <= n_axes <= 4:
            raise CheckpointError(f"has {name!r:.60} with {n_axes} axes; expected it once, with 1 to 4")
        shape = tuple(reversed(reader.numbers("Q", n_axes)))
        number, offset = reader.numbers("I", 1)[0], reader.numbers("Q", 1)[0]
        if number not in KINDS:
            raise CheckpointError(
                f"has {name!r:.60} in format {number}; expected one of {', '.join(KINDS.values())}"
            )
        per_block, block_bytes = SIZES[KINDS[number]]
        if shape[-1] % per_block:
            raise CheckpointError(
                f"has {name!r:.60} with rows of {shape[-1]}; expected a multiple of {per_block}"
            )
        tensors[name] = _Tensor(shape, KINDS[number], offset, math.prod(shape) // per_block * block_bytes)
    if type(alignment) is not int or alignment < 1:
        raise CheckpointError(
            f"has general.alignment {alignment!r:.40}; expected a whole number of 1 or more"
        )
    start = -(-reader.place // alignment) * alignment
    place = 0
    for name, tensor in sorted(tensors.items(), key=lambda item: (item[1].offset, item[1].n_bytes)):
        end = start + tensor.offset + tensor.n_bytes
        if end > size:
            raise CheckpointError(f"ends at offset {size}; expected {name!r:.60} to end at offset {end}")
        if tensor.offset < place:
            raise CheckpointError(
                f"has {name!r:.60} at offset {start + tensor.offset}, within another tensor"
            )
        place = tensor.offset + tensor.n_bytes
        tensors[name] = tensor._replace(offset=start + tensor.offset)
    return tensors
