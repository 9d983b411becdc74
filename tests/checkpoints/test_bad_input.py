"""What no honest program writes, format by format; the fuzzer does the rest."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import minillama
from minillama.checkpoints import FORMATS, CheckpointError, open_source
from minillama.tokenizer import Tokenizer
from minillama.tokenizer.alphabet import to_letters
from minillama.tokenizer.byte_level import ByteLevelBPE

from .samples import assert_same, byte_level, model, pieces


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def gguf(path: Path, *tensors: tuple[str, tuple[int, ...], int, int], alignment: Any = 32) -> Path:
    """Metadata of a model and any list of tensors: name, lengths, kind, offset."""
    sizes = {"vocab_size": 4, "embedding_length": 4, "block_count": 1, "feed_forward_length": 4}
    sizes |= {"context_length": 8, "attention.head_count": 1}
    entries = [text("general.architecture") + struct.pack("<I", 8) + text("llama")]
    entries += [text(f"llama.{key}") + struct.pack("<II", 4, value) for key, value in sizes.items()]
    entries += [text("llama.attention.layer_norm_rms_epsilon") + struct.pack("<If", 6, 1e-5)]
    entries += [text("general.alignment") + struct.pack("<II", 4, alignment)]
    table = [
        text(name) + struct.pack(f"<I{len(lengths)}QIQ", len(lengths), *lengths, kind, offset)
        for name, lengths, kind, offset in tensors
    ]
    head = b"GGUF" + struct.pack("<IQQ", 3, len(table), len(entries))
    path.write_bytes(head + b"".join(entries + table) + bytes(256))
    return path


@pytest.mark.parametrize(
    ("tensors", "told"),
    [
        (
            [("token_embd.weight", (10**7, 250_000), 0, 0)],
            r"ends at offset \d+; expected .* to end at offset 1000",
        ),
        ([("a", (2**63, 2**63), 0, 0)], r"ends at offset \d+; expected 'a' to end at"),
        ([("a", (4,), 0, 2**63)], r"ends at offset \d+; expected 'a' to end at"),
        ([("a", (4,), 0, 0), ("a", (4,), 0, 32)], "has 'a' with 1 axes; expected it once"),
        ([("a", (4,), 0, 0), ("b", (4,), 0, 8)], r"has 'b' at offset \d+, within another tensor"),
        ([("a", (1,) * 5, 0, 0)], "has 'a' with 5 axes; expected it once, with 1 to 4"),
        ([("a", (4,), 12, 0)], "has 'a' in format 12; expected one of F32"),
        ([("a", (33,), 8, 0)], "has 'a' with rows of 33; expected a multiple of 32"),
    ],
)
def test_lists_of_gguf_tensors_that_lie(tmp_path: Path, tensors: list, told: str) -> None:
    with pytest.raises(CheckpointError, match=told) as caught:
        minillama.load(gguf(tmp_path / "m.gguf", *tensors))
    assert str(tmp_path / "m.gguf") in str(caught.value)


def test_an_alignment_of_nothing(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"general\.alignment 0; expected a whole number"):
        minillama.load(gguf(tmp_path / "m.gguf", ("a", (4,), 0, 0), alignment=0))


def with_a_hole(tokenizer: str) -> str:
    """Take one token of the vocabulary, and its merges, away."""
    root = json.loads(tokenizer)
    gone = next(name for name, i in root["model"]["vocab"].items() if i == 270)
    del root["model"]["vocab"][gone]
    root["model"]["merges"] = [pair for pair in root["model"]["merges"] if gone not in (*pair, "".join(pair))]
    return json.dumps(root)


def gguf_names(tokenizer: Tokenizer, merge: int) -> str:
    """Return a merge as GGUF writes it."""
    assert isinstance(tokenizer.model, ByteLevelBPE)
    assert tokenizer.model.merges is not None
    return " ".join(to_letters(tokenizer.model.tokens[i]) for i in tokenizer.model.merges[merge])


def test_a_tokenizer_with_a_hole_is_named(tmp_path: Path) -> None:
    minillama.save(model(), byte_level(), tmp_path / "hf", format="hf")
    file = tmp_path / "hf" / "tokenizer.json"
    file.write_text(with_a_hole(file.read_text()))
    minillama.save(model(), byte_level(), tmp_path / "native")
    own = tmp_path / "native" / "minillama.safetensors"
    size = int.from_bytes(own.read_bytes()[:8], "little")
    metadata = json.loads(own.read_bytes()[8 : 8 + size])["__metadata__"]
    save_file(load_file(own), own, metadata | {"tokenizer": with_a_hole(metadata["tokenizer"])})
    minillama.save(model(), pieces(), tmp_path / "meta", format="meta")
    spm = tmp_path / "meta" / "tokenizer.model"
    spm.write_bytes(spm.read_bytes().replace(b"<0x7F>", b"<0x7E>"))
    minillama.save(model(), byte_level(), tmp_path / "m.gguf", format="gguf")
    raw = (tmp_path / "m.gguf").read_bytes()
    merge = gguf_names(byte_level(), 0)
    (tmp_path / "m.gguf").write_bytes(raw.replace(text(merge), text(merge.replace(" ", "_"))))
    for name, told in (
        ("hf", "no token has id 270"),
        ("native", "no token has id 270"),
        ("meta", "pieces 129 and 130 are both '<0x7E>'"),
        ("m.gguf", r"tokenizer\.ggml\.merges\[0\] is '\w+'; expected two tokens and a space"),
    ):
        with pytest.raises(CheckpointError, match=rf"{told}.*\(its tokenizer\)") as caught:
            minillama.load(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)


@pytest.mark.parametrize("format", FORMATS)
def test_the_tokenizer_is_not_needed_to_look_at_the_weights(tmp_path: Path, format: str) -> None:
    minillama.save(model(), byte_level(), tmp_path / "m", format=format)
    for file in tmp_path.glob("m/tokenizer*"):
        file.write_text("{")
    with open_source(tmp_path / "m") as source:
        assert source.read("norm.weight").shape == (32,)


def test_json_within_json_without_end(tmp_path: Path) -> None:
    """Whether the parser gives up, or the message that shows the value."""
    minillama.save(model(), None, tmp_path / "m", format="hf")
    for depth in (*range(880, 1000, 4), 10**5):
        (tmp_path / "m" / "config.json").write_text('{"model_type":' + "[" * depth + "]" * depth + "}")
        with pytest.raises(CheckpointError, match=r"nested too deeply|the architecture is \[\[\["):
            minillama.load(tmp_path / "m")


def test_a_head_stored_beside_a_tied_embedding(tmp_path: Path) -> None:
    """As older files of tied models have it: accepted if it is the same."""
    made = model(tie_embeddings=True)
    minillama.save(made, None, tmp_path / "m", format="hf")
    file = tmp_path / "m" / "model.safetensors"
    tensors = load_file(file)
    save_file(tensors | {"lm_head.weight": tensors["model.embed_tokens.weight"].clone()}, file)
    assert_same(minillama.load(tmp_path / "m"), (made, None))
    head = tensors["model.embed_tokens.weight"].clone()
    head[-1, -1] += 1
    save_file(tensors | {"lm_head.weight": head}, file)
    with pytest.raises(CheckpointError, match=r"lm_head.weight differs from model\.embed_tokens\.weight"):
        minillama.load(tmp_path / "m")


def test_weights_of_whole_numbers(tmp_path: Path) -> None:
    minillama.save(model(), None, tmp_path / "m")
    file = tmp_path / "m" / "minillama.safetensors"
    size = int.from_bytes(file.read_bytes()[:8], "little")
    metadata = json.loads(file.read_bytes()[8 : 8 + size])["__metadata__"]
    whole = torch.ones(32, dtype=torch.int64)
    save_file(load_file(file) | {"model.norm.weight": whole}, file, metadata)
    with pytest.raises(CheckpointError, match=r"model\.norm\.weight is I64; expected floats"):
        minillama.load(tmp_path / "m")
