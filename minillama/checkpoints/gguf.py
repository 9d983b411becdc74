"""The weights of a GGUF file as NumPy arrays under the package's names. Reading only, and only LLaMA's.

Behind the metadata (see `minillama.tokenizer.gguf_vocab`) stands a list of tensors, then their bytes, each
tensor beginning at a multiple of the alignment::

    tensor:  name  n_axes u32  lengths u64 ...  kind u32  offset u64     lengths from the fastest axis on

Files of this architecture hold queries and keys in the interleaved layout of rotary positions; what is
returned is in the package's, ``half``. Left out: writing, and a model made at once (`load` will).

References
----------
``docs/gguf.md`` in ggml-org/ggml; the names of tensors in ggml-org/llama.cpp, ``gguf-py/gguf/constants.py``.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..config import LlamaConfig
from ..quantization import BLOCKS, dequantize
from ..reference.rope import permute_rows
from ..reference.weights import Weights, weight_shapes
from ..tokenizer import TokenizerError
from ..tokenizer.gguf_vocab import read_header
from .errors import CheckpointError

KINDS = {0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 8: "Q8_0"}
"""Numbers of the formats that are read here, as GGUF has them."""
NAMES = {
    "tok_embeddings": "token_embd", "attention_norm": "attn_norm", "attention.wq": "attn_q",
    "attention.wk": "attn_k", "attention.wv": "attn_v", "attention.wo": "attn_output", "ffn_norm": "ffn_norm",
    "feed_forward.w_gate": "ffn_gate", "feed_forward.w_up": "ffn_up", "feed_forward.w_down": "ffn_down",
    "norm": "output_norm", "output": "output",
}  # fmt: skip
"""The package's names within a block, and GGUF's."""


class _Tensor(NamedTuple):
    """Where a tensor is and what it is; the shape is NumPy's, the fastest axis last."""

    shape: tuple[int, ...]
    kind: str
    offset: int
    size: int


def read_gguf(path: str | Path) -> tuple[LlamaConfig, Weights]:
    """Read configuration and weights of a LLaMA-architecture GGUF file.

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
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"{path}: there is no such file")
    with path.open("rb") as file:
        if path.stat().st_size == 0:
            raise CheckpointError(f"{path} is empty; expected a GGUF file")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                cfg, tensors = _read_table(data)
                return cfg, _read_weights(cfg, tensors, data)
            except (TokenizerError, CheckpointError) as error:
                raise CheckpointError(f"{path} {error}") from None


def _read_table(data: mmap.mmap) -> tuple[LlamaConfig, dict[str, _Tensor]]:
    """Read what the file says about itself, and check that every tensor lies within it."""
    metadata, n_tensors, reader = read_header(data)
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
        per_block, block_bytes = BLOCKS[KINDS[number]]
        if shape[-1] % per_block:
            raise CheckpointError(
                f"has {name!r:.60} with rows of {shape[-1]}; expected a multiple of {per_block}"
            )
        tensors[name] = _Tensor(shape, KINDS[number], offset, math.prod(shape) // per_block * block_bytes)
    alignment = metadata.get("general.alignment", 32)
    if type(alignment) is not int or alignment < 1:
        raise CheckpointError(
            f"has general.alignment {alignment!r:.40}; expected a whole number of 1 or more"
        )
    start = -(-reader.place // alignment) * alignment
    for name, tensor in tensors.items():
        end = start + tensor.offset + tensor.size
        if end > len(data):
            raise CheckpointError(f"ends at offset {len(data)}; expected {name!r:.60} to end at offset {end}")
        tensors[name] = tensor._replace(offset=start + tensor.offset)
    return _config(metadata, tied="output.weight" not in tensors), tensors


def _config(metadata: Mapping[str, Any], tied: bool) -> LlamaConfig:
    """Translate the metadata's keys."""
    architecture = metadata.get("general.architecture")
    if architecture != "llama":
        raise CheckpointError(f"has the architecture {architecture!r:.40}; expected 'llama'")
    tokens = metadata.get("tokenizer.ggml.tokens")
    try:
        return LlamaConfig(
            vocab_size=metadata.get("llama.vocab_size", len(tokens) if isinstance(tokens, list) else None),
            dim=metadata["llama.embedding_length"],
            n_layers=metadata["llama.block_count"],
            n_heads=metadata["llama.attention.head_count"],
            n_kv_heads=metadata.get("llama.attention.head_count_kv", metadata["llama.attention.head_count"]),
            hidden_dim=metadata["llama.feed_forward_length"],
            max_seq_len=metadata["llama.context_length"],
            rope_theta=metadata.get("llama.rope.freq_base", 10_000.0),
            norm_eps=metadata["llama.attention.layer_norm_rms_epsilon"],
            tie_embeddings=tied,
        )
    except KeyError as error:
        raise CheckpointError(f"has no {error.args[0]}, which the shape of the model needs") from None
    except (ValueError, TypeError) as error:
        raise CheckpointError(f"describes no model: {error}") from None


def _read_weights(cfg: LlamaConfig, tensors: Mapping[str, _Tensor], data: mmap.mmap) -> Weights:
    """Read every weight that the configuration asks for."""
    if cfg.n_layers > len(tensors):  # before a list of that length is made
        raise CheckpointError(f"has {len(tensors)} tensors; expected more for {cfg.n_layers} layers")
    weights: Weights = {}
    for name, shape in weight_shapes(cfg).items():
        theirs = _their_name(name)
        if theirs not in tensors:
            raise CheckpointError(f"has no tensor {theirs!r}; expected one of shape {shape}")
        tensor = tensors[theirs]
        if tensor.shape != shape:
            raise CheckpointError(f"has {theirs!r} of shape {tensor.shape}; expected {shape}")
        raw = np.frombuffer(data[tensor.offset : tensor.offset + tensor.size], np.uint8)
        weights[name] = dequantize(raw, tensor.kind).reshape(shape)
        if not np.isfinite(weights[name]).all():
            raise CheckpointError(f"has weights in {theirs!r} that are not finite; expected numbers")
        if name.endswith(("wq.weight", "wk.weight")):
            heads = cfg.n_heads if "wq" in name else cfg.n_kv_heads
            weights[name] = permute_rows(weights[name], heads, to="half")
    return weights


def _their_name(name: str) -> str:
    """Translate a weight's name: ``layers.3.attention.wq.weight`` is ``blk.3.attn_q.weight``."""
    stem = name.removesuffix(".weight")
    if not stem.startswith("layers."):
        return f"{NAMES[stem]}.weight"
    _, layer, inner = stem.split(".", 2)
    return f"blk.{layer}.{NAMES[inner]}.weight"
