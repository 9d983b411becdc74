"""Mutated files of every format: a model or one CheckpointError, in little memory, whatever the file says.

Bytes are exchanged, cut out, put in, moved and cut off; in JSON, values become others of every type and size,
keys vanish and are renamed; a safetensors header keeps its length right, so that what it says is believed.
"""

from __future__ import annotations

import copy
import json
import resource
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch

import minillama
from minillama.checkpoints import CheckpointError

from .samples import byte_level, model, pieces, ranks
from .test_meta import as_meta, cut, written

TINY = {"vocab_size": 600, "dim": 16, "n_layers": 2, "hidden_dim": 32, "max_seq_len": 32}
PER_KIND = 110
MEMORY = 64 << 20
"""Growth of the resident set that is allowed to all mutants of a kind; the files have some 200 KB."""
ODD: list[Any] = [
    None, True, -1, 0, 1, 3, 2**31, 2**63, 10**13, 10**400, 0.5, -0.0, 1e308, float("nan"), float("inf"),
    "", "llama", "../../etc/passwd", "\0", "F64", "Q4_0",
    [], [10**13], [[1]], {}, {"rope_type": "llama3"}, ["a", "b"],
]  # fmt: skip


def quantized(path: Path) -> None:
    """A GGUF file of blocks, from one of ours, by the gguf library."""
    minillama.save(model(**TINY | {"dim": 32}), pieces(), path.with_suffix(".whole"), format="gguf")
    reader = gguf.GGUFReader(path.with_suffix(".whole"))
    writer = gguf.GGUFWriter(path, "llama")
    for field in reader.fields.values():
        if field.types and not field.name.startswith(("GGUF.", "general.arch")):
            kinds = (field.types[0], field.types[-1] if len(field.types) > 1 else None)
            writer.add_key_value(field.name, field.contents(), *kinds)
    for tensor in reader.tensors:
        kind = gguf.GGMLQuantizationType["Q8_0" if len(tensor.shape) > 1 else "F32"]
        data = gguf.quants.quantize(np.array(tensor.data), kind)
        writer.add_tensor(tensor.name, data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    path.with_suffix(".whole").unlink()


MAKERS: dict[str, Callable[[Path], None]] = {
    "native": lambda path: minillama.save(model(**TINY), byte_level(), path),
    "hf": lambda path: minillama.save(model(**TINY), pieces(), path, format="hf"),
    "hf in shards": lambda path: minillama.save(
        model(**TINY), byte_level(), path, format="hf", max_shard_bytes=20_000
    ),
    "gguf": lambda path: minillama.save(model(torch.bfloat16, **TINY), byte_level(), path, format="gguf"),
    "gguf in blocks": quantized,
    "meta": lambda path: minillama.save(model(**TINY), ranks(), path, format="meta"),
    "meta in shards": lambda path: written(
        path,
        cut(as_meta(model(**TINY | {"n_kv_heads": 4, "hidden_dim": 64})), 2, 1),
        dim=16,
        n_layers=2,
        n_heads=4,
        multiple_of=32,
    ),
    "meta with SentencePiece": lambda path: minillama.save(
        model(torch.float16, tie_embeddings=True, **TINY), pieces(), path, format="meta"
    ),
}


def cut_off(raw: bytes, rng: np.random.Generator) -> bytes:
    return raw[: rng.integers(0, len(raw))]


def exchanged(raw: bytes, rng: np.random.Generator) -> bytes:
    """A few bytes, most of them near the beginning or the end, where the tables are."""
    out = bytearray(raw)
    for _ in range(rng.integers(1, 5)):
        place = min(int(rng.exponential(len(raw) / 20)), len(raw) - 1)
        value = rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.integers(256)])
        out[place if rng.random() < 0.7 else -1 - place] = value
    return bytes(out)


def cut_out(raw: bytes, rng: np.random.Generator) -> bytes:
    start, length = rng.integers(0, len(raw)), int(rng.exponential(8)) + 1
    return raw[:start] + raw[start + length :]


def put_in(raw: bytes, rng: np.random.Generator) -> bytes:
    start, other = rng.integers(0, len(raw), 2)
    return raw[:start] + raw[other : other + int(rng.exponential(64)) + 1] + raw[start:]


def swapped(raw: bytes, rng: np.random.Generator) -> bytes:
    a, b, c = sorted(rng.integers(0, len(raw), 3))
    return raw[:a] + raw[b:c] + raw[a:b] + raw[c:]


def changed_json(raw: bytes, rng: np.random.Generator) -> bytes:
    """One to three places of a JSON text."""
    root = json.loads(raw)
    for _ in range(rng.integers(1, 4)):
        places: list[tuple[Any, Any]] = []

        def collect(node: Any, places: list = places) -> None:
            keys = list(node) if isinstance(node, dict) else range(min(len(node), 20))
            for key in keys[:200]:
                places.append((node, key))
                if isinstance(node[key], dict | list):
                    collect(node[key])

        collect(root)
        if not places:
            break
        node, key = places[rng.integers(len(places))]
        what = rng.integers(4)
        if what == 0:
            del node[key]
        elif what == 1 and isinstance(node, dict):
            node[str(rng.choice([*node, "x", "model.norm.weight"]))] = node.pop(key)
        else:
            node[key] = copy.deepcopy(ODD[rng.integers(len(ODD))])
    return json.dumps(root).encode()


def changed_header(raw: bytes, rng: np.random.Generator) -> bytes:
    """The header of a safetensors file, its length kept right."""
    size = int.from_bytes(raw[:8], "little")
    header = changed_json(raw[8 : 8 + size], rng)
    return len(header).to_bytes(8, "little") + header + raw[8 + size :]


def mutated(file: Path, raw: bytes, rng: np.random.Generator) -> bytes:
    blind = [cut_off, exchanged, exchanged, cut_out, put_in, swapped]
    knowing = {".json": changed_json, ".safetensors": changed_header}.get(file.suffix)
    if knowing is not None and rng.random() < 0.6:
        return knowing(raw, rng)
    return blind[rng.integers(len(blind))](raw, rng)


@contextmanager
def bounded_memory() -> Iterator[None]:
    """No more than a gigabyte of new addresses, and little of it in use."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    resource.setrlimit(resource.RLIMIT_AS, (now + (1 << 30), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 <= MEMORY


def parameters(of: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in of.parameters())


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured by Linux's /proc")
@pytest.mark.parametrize("kind", MAKERS)
def test_mutants_give_a_model_or_one_clear_error(tmp_path: Path, kind: str) -> None:
    whole, path = tmp_path / "whole", tmp_path / ("m.gguf" if "gguf" in kind else "m")
    MAKERS[kind](whole)
    made, _ = minillama.load(whole)
    rng = np.random.default_rng(list(MAKERS).index(kind))
    refused = 0
    with bounded_memory():
        for _ in range(PER_KIND):
            if whole.is_dir():
                shutil.copytree(whole, path, dirs_exist_ok=True)
                file = sorted(path.iterdir())[rng.integers(len(list(path.iterdir())))]
            else:
                file = shutil.copy(whole, path)
            file.write_bytes(mutated(file, file.read_bytes(), rng))
            told = str(path)
            try:
                found, tokenizer = minillama.load(path)
            except CheckpointError as error:
                told, refused = str(error), refused + 1
            else:
                assert parameters(found) <= 2 * parameters(made)
                if tokenizer is not None:
                    tokenizer.encode("the cat sat")
            assert str(path) in told
            assert len(told) < 2000
    assert (
        refused > PER_KIND / 3
    )  # the others changed a weight, a name of a token, or a key that nobody reads


def test_there_are_at_least_500_mutants() -> None:
    assert len(MAKERS) * PER_KIND >= 500
