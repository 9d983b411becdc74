"""Hugging Face directories, written: what transformers loads, weights in one file or several."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..tokenizer import Tokenizer
from .atomic import replacing_directory
from .dtypes import FLOATS, NUMPY, Array, size_of
from .hf import CONFIG, INDEX, SINGLE
from .hf_config import write_config
from .hf_names import to_hf
from .safetensors_file import write_safetensors
from .source import Source, TensorInfo

MAX_SHARD_BYTES = 5 * 10**9
"""Largest file of weights, unless one tensor alone is larger."""
HF_FILES = (
    CONFIG, "model.safetensors", "model-*-of-*.safetensors", INDEX, "generation_config.json",
    "tokenizer.json", "tokenizer_config.json", "tokenizer.model", "special_tokens_map.json",
)  # fmt: skip
"""What a checkpoint consists of."""

Table = dict[str, Any]


def write_hf(
    source: Source,
    path: Path,
    progress: Callable[[int], None] | None = None,
    max_shard_bytes: int = MAX_SHARD_BYTES,
) -> None:
    """Write a source as a Hugging Face directory, whole or not at all.

    Parameters
    ----------
    source : Source
    path : Path
        A directory.
    progress : callable, optional
        Is told the bytes of every tensor.
    max_shard_bytes : int
        Tensors are spread over files of at most this many bytes.

    Raises
    ------
    ValueError
        If Hugging Face's LLaMA or tokenizers cannot express the model.
    """
    files = _texts(source)
    tensors = {to_hf(name): (name, info) for name, info in source.tensors.items()}
    if source.cfg.attention_bias:  # theirs has a bias behind the output projection too
        like = source.tensors["layers.0.attention.wq.bias"]
        zero = TensorInfo((source.cfg.dim,), like.dtype, like.dtype, source.cfg.dim * size_of(like.dtype))
        for layer in range(source.cfg.n_layers):
            tensors[f"model.layers.{layer}.self_attn.o_proj.bias"] = "", zero

    def read(theirs: str) -> Array:
        name, info = tensors[theirs]
        if progress is not None:
            progress(info.n_bytes)
        return source.read(name) if name else np.zeros(info.shape, NUMPY[info.dtype])

    sizes = {name: size_of(info.dtype) * int(np.prod(info.shape)) for name, (_, info) in tensors.items()}
    shards = list(_shards(sizes, max_shard_bytes))
    names = [f"model-{i + 1:05d}-of-{len(shards):05d}.safetensors" for i in range(len(shards))]
    if len(shards) == 1:
        names = [SINGLE]
    else:
        home = {name: file for file, shard in zip(names, shards, strict=True) for name in shard}
        files[INDEX] = _json({"metadata": {"total_size": sum(sizes.values())}, "weight_map": home})
    with replacing_directory(path, HF_FILES) as directory:
        for name, text in files.items():
            (directory / name).write_bytes(text)
        for name, shard in zip(names, shards, strict=True):
            with (directory / name).open("wb") as file:
                table = {theirs: (tensors[theirs][1].shape, tensors[theirs][1].dtype) for theirs in shard}
                write_safetensors(file, table, read, {"format": "pt"})


def _texts(source: Source) -> dict[str, bytes]:
    """Return the contents of all files but those of weights."""
    tokenizer = source.tokenizer
    bos, eos = (None, None) if tokenizer is None else (tokenizer.bos_id, tokenizer.eos_id)
    dtype = FLOATS[source.tensors["tok_embeddings.weight"].dtype]
    files = {CONFIG: _json(write_config(source.cfg, dtype, bos, eos))}
    files["generation_config.json"] = _json({"bos_token_id": bos, "eos_token_id": eos})
    if tokenizer is not None:
        text = tokenizer.to_json()
        unknown = json.loads(text)["model"]["unk_token"]
        files["tokenizer.json"] = text.encode()
        files["tokenizer_config.json"] = _json(_tokenizer_config(tokenizer, unknown, source.cfg.max_seq_len))
    return files


def _tokenizer_config(tokenizer: Tokenizer, unknown: str | None, max_seq_len: int) -> Table:
    """Say which class reads the tokenizer, and which of its tokens begin and end a text."""
    names = tokenizer.specials.names
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": None if tokenizer.bos_id is None else names[tokenizer.bos_id],
        "eos_token": None if tokenizer.eos_id is None else names[tokenizer.eos_id],
        **({} if unknown is None else {"unk_token": unknown}),
        "model_max_length": max_seq_len,
        "clean_up_tokenization_spaces": False,
    }


def _shards(sizes: dict[str, int], limit: int) -> Iterator[list[str]]:
    """Spread tensors over files, in order."""
    shard: list[str] = []
    filled = 0
    for name, size in sizes.items():
        if shard and filled + size > limit:
            yield shard
            shard, filled = [], 0
        shard.append(name)
        filled += size
    yield shard


def _json(table: Table) -> bytes:
    return (json.dumps(table, indent=2, ensure_ascii=False) + "\n").encode()
