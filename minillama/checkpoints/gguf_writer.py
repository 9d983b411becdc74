"""GGUF files of a LLaMA, written: F32, F16 and BF16; see `gguf` for the layout.

::

    "GGUF" 3 | metadata | list of tensors | padding | tensor, padding | tensor, padding | ...

Matrices keep their format; norms and biases become float32, which llama.cpp insists on.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..tokenizer.gguf_vocab_writer import to_metadata
from .atomic import replacing_file
from .dtypes import Array, cast, size_of
from .gguf_config import config_metadata, divisors_of
from .gguf_names import DIVISORS, FILE_TYPES, WRITTEN, to_gguf
from .rotary import heads_of, to_interleaved
from .source import Source

VERSION, ALIGNMENT = 3, 32
_TYPES = {bool: (7, "?"), int: (4, "I"), float: (6, "f"), str: (8, "")}
_ITEMS = {int: (5, "i"), float: (6, "f"), str: (8, "")}  # of arrays


class _Tensor(NamedTuple):
    """A tensor to be written; `name` is ours, or None for the divisors of rotary frequencies."""

    name: str | None
    shape: tuple[int, ...]
    dtype: str

    @property
    def n_bytes(self) -> int:
        return math.prod(self.shape) * size_of(self.dtype)


def write_gguf(source: Source, path: Path, progress: Callable[[int], None] | None = None) -> None:
    """Write a source as a GGUF file, whole or not at all.

    Raises
    ------
    ValueError
        If GGUF's LLaMA, or llama.cpp's tokenizers, cannot express it; or a weight is float64.
    """
    main = source.tensors["tok_embeddings.weight"].dtype
    metadata = config_metadata(source.cfg)
    tensors: dict[str, _Tensor] = {}
    for name, info in source.tensors.items():
        dtype = "F32" if len(info.shape) == 1 else info.dtype
        if info.dtype not in WRITTEN:
            raise ValueError(f"{name} is float64: GGUF's LLaMA holds float32 at most; ask for that dtype")
        tensors[to_gguf(name)] = _Tensor(name, info.shape, dtype)
    if source.cfg.rope_scaling is not None and source.cfg.rope_scaling["rope_type"] == "llama3":
        tensors[DIVISORS] = _Tensor(None, (source.cfg.head_dim // 2,), "F32")
    metadata |= {"general.alignment": ALIGNMENT, "general.file_type": FILE_TYPES[main]}
    if source.tokenizer is None:
        metadata["tokenizer.ggml.model"] = "none"
    else:
        metadata |= to_metadata(source.tokenizer, source.cfg.vocab_size)
    if path.parent != Path():
        path.parent.mkdir(parents=True, exist_ok=True)
    with replacing_file(path) as file:
        file.write(_header(metadata, tensors))
        for tensor in tensors.values():
            data = _data(source, tensor)
            file.write(data.reshape(-1).view(np.uint8).data)
            file.write(bytes(-tensor.n_bytes % ALIGNMENT))
            if progress is not None and tensor.name is not None:
                progress(source.tensors[tensor.name].n_bytes)


def _data(source: Source, tensor: _Tensor) -> Array:
    """Return a tensor as it is to stand in the file."""
    if tensor.name is None:
        return divisors_of(source.cfg)
    weight = cast(source.read(tensor.name), source.tensors[tensor.name].dtype, tensor.dtype)
    heads = heads_of(tensor.name, source.cfg.n_heads, source.cfg.n_kv_heads)
    return np.ascontiguousarray(weight if heads is None else to_interleaved(weight, heads))


def _header(metadata: dict[str, Any], tensors: dict[str, _Tensor]) -> bytes:
    """Return everything before the first tensor's bytes."""
    out = b"GGUF" + struct.pack("<IQQ", VERSION, len(tensors), len(metadata))
    out += b"".join(_text(key) + _value(value) for key, value in metadata.items())
    offset = 0
    for name, tensor in tensors.items():
        lengths = struct.pack(f"<I{len(tensor.shape)}Q", len(tensor.shape), *reversed(tensor.shape))
        out += _text(name) + lengths + struct.pack("<IQ", WRITTEN[tensor.dtype], offset)
        offset += tensor.n_bytes + -tensor.n_bytes % ALIGNMENT
    return out + bytes(-len(out) % ALIGNMENT)


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _value(value: Any) -> bytes:
    """Encode a value, its type first; a list by the type of its items."""
    if not isinstance(value, list):
        kind, letter = _TYPES[type(value)]
        return struct.pack("<I", kind) + (_text(value) if kind == 8 else struct.pack(f"<{letter}", value))
    kind, letter = _ITEMS[type(value[0]) if value else str]
    items = b"".join(map(_text, value)) if kind == 8 else struct.pack(f"<{len(value)}{letter}", *value)
    return struct.pack("<IIQ", 9, kind, len(value)) + items
