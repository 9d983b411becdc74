"""From every format to every format, in memory and on the disk: the same configuration, bits and ids."""

from __future__ import annotations

from itertools import permutations, product
from pathlib import Path
from typing import Any

import pytest
import torch

import minillama
from minillama.checkpoints import FORMATS, CheckpointError, convert, open_source

from .samples import (
    CONFIGS,
    TOKENIZERS,
    WIDER,
    assert_same,
    byte_level,
    model,
    pieces,
)

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@pytest.mark.parametrize("format", FORMATS)
def test_every_configuration_and_tokenizer_survives(tmp_path: Path, format: str) -> None:
    shapes = CONFIGS if format == "meta" else CONFIGS | WIDER
    for i, (shape, kind) in enumerate(product(shapes, TOKENIZERS)):
        saved = model(seed=i, **shapes[shape]), TOKENIZERS[kind]()
        minillama.save(*saved, tmp_path / "m", format=format)  # over the one before
        assert_same(minillama.load(tmp_path / "m"), saved)
    minillama.save(saved[0], None, str(tmp_path / "m"), format=format)
    assert_same(minillama.load(str(tmp_path / "m")), (saved[0], None))


@pytest.mark.parametrize(("first", "second"), list(permutations(FORMATS, 2)))
def test_conversion_from_each_format_to_each_other_and_back(tmp_path: Path, first: str, second: str) -> None:
    kinds = list(TOKENIZERS)
    for i, (shape, dtype) in enumerate(zip(CONFIGS, [*DTYPES, "float32"], strict=True)):
        saved = model(DTYPES[dtype], **CONFIGS[shape]), TOKENIZERS[kinds[i % 3]]()
        a, b, c = (tmp_path / f"{i}-{name}" for name in "abc")
        minillama.save(*saved, a, format=first)
        done = convert(a, b, format=second)
        assert (done.source_format, done.format, done.target) == (first, second, b)
        convert(b, c, format=first)
        for path in (a, b, c):
            assert_same(minillama.load(path, dtype=None), saved)
        with open_source(c) as source:
            assert source.format == first


def test_native_holds_what_the_others_cannot(tmp_path: Path) -> None:
    for changes in ({"qk_norm": True}, {"sliding_window": 4, "attention_bias": True}):
        saved = model(torch.float64, **changes), byte_level()
        minillama.save(*saved, tmp_path / "m")
        assert_same(minillama.load(tmp_path / "m", dtype=None), saved)


def test_several_dtypes_in_one_file_give_the_one_that_holds_them(tmp_path: Path) -> None:
    saved = model(torch.bfloat16)
    saved.norm.to(torch.float16)
    minillama.save(saved, None, tmp_path / "m")
    mixed, _ = minillama.load(tmp_path / "m", dtype=None)
    assert {p.dtype for p in mixed.parameters()} == {torch.float32}
    assert torch.equal(mixed.norm.weight, saved.norm.weight.float())
    assert {p.dtype for p in minillama.load(tmp_path / "m", dtype=torch.float16)[0].parameters()} == {
        torch.float16
    }


def test_a_loaded_model_trains_and_its_head_is_tied(tmp_path: Path) -> None:
    for format in FORMATS:
        minillama.save(model(tie_embeddings=True), None, tmp_path / format, format=format)
        made, _ = minillama.load(tmp_path / format)
        assert made.output.weight is made.tok_embeddings.weight
        assert made.training
        tokens = torch.arange(20).reshape(2, 10)
        made.loss(tokens, tokens).backward()
        assert all(p.requires_grad and p.grad is not None for p in made.parameters())


def test_loading_leaves_the_random_numbers_alone(tmp_path: Path) -> None:
    minillama.save(model(), None, tmp_path / "m")
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    minillama.load(tmp_path / "m")
    assert torch.equal(torch.rand(3), expected)


def test_conversion_rounds_to_the_dtype_that_is_asked_for(tmp_path: Path) -> None:
    saved = model()
    minillama.save(saved, None, tmp_path / "a", format="hf")
    for name, dtype in DTYPES.items():
        seen: list[int] = []
        convert(tmp_path / "a", tmp_path / name, dtype=name, begin=lambda _, seen=seen: seen.append)
        assert sum(seen) == sum(tensor.nbytes for tensor in saved.state_dict().values())
        assert_same(minillama.load(tmp_path / name, dtype=None), (model().to(dtype), None))
    convert(tmp_path / "bfloat16", tmp_path / "wide.gguf", dtype="float32")
    assert_same(minillama.load(tmp_path / "wide.gguf", dtype=None), (model(torch.bfloat16).float(), None))


@pytest.mark.error_contract
def test_bad_requests_are_refused_and_nothing_is_lost(tmp_path: Path) -> None:
    saved = model(), byte_level()
    minillama.save(*saved, tmp_path / "a", format="hf")
    (tmp_path / "full").mkdir()
    cases: list[tuple[dict[str, Any], str]] = [
        ({"target": tmp_path / "full"}, "full is there already: name another place"),
        ({"format": "onnx"}, "format is 'onnx': expected one of native, hf, gguf, meta"),
        ({"dtype": "int8"}, "dtype is 'int8': expected one of float64, float32"),
        ({"target": tmp_path / "full", "format": "gguf", "force": True}, "is a directory: expected a file"),
        ({"target": tmp_path / "a", "format": "native", "force": True}, "holds a checkpoint of format 'hf'"),
    ]
    for changes, told in cases:
        with pytest.raises(ValueError, match=told):
            convert(**{"source": tmp_path / "a", "target": tmp_path / "b", **changes})
    for format in FORMATS:
        other = tmp_path / "file"
        other.write_text("not a checkpoint")
        if format != "gguf":
            with pytest.raises(ValueError, match="is a file: expected a directory"):
                minillama.save(*saved, other, format=format)
    with pytest.raises(CheckpointError, match=r"file: no checkpoint here \(expected a GGUF file, or a dir"):
        minillama.load(other)
    for quantization in ("q8_0", "int3"):
        with pytest.raises(
            ValueError, match=rf"{quantization}': expected None; .*q4_k, .* Part IV, chapter 23"
        ):
            minillama.save(*saved, tmp_path / "q", format="gguf", quantization=quantization)
    with pytest.raises(ValueError, match=r"dtype is torch\.int8: expected None or one of"):
        minillama.load(tmp_path / "a", dtype=torch.int8)
    with pytest.raises(ValueError, match="dtype is 'floaty'"):
        minillama.load(tmp_path / "a", dtype="floaty")
    huge = model()
    with torch.no_grad():
        huge.output.weight[3, 3] = 1e9
    minillama.save(huge, None, tmp_path / "huge")
    with pytest.raises(ValueError, match=r"output\.weight: a weight is too large for float16"):
        convert(tmp_path / "huge", tmp_path / "half", dtype="float16")
    assert not (tmp_path / "half" / "minillama.safetensors").exists()
    assert_same(minillama.load(tmp_path / "a"), saved)


def test_a_checkpoint_is_replaced_in_its_own_place(tmp_path: Path) -> None:
    minillama.save(model(torch.bfloat16), pieces(), tmp_path / "a", format="hf")
    (tmp_path / "a" / "README.md").write_text("mine")
    convert(tmp_path / "a", tmp_path / "a", format="hf", dtype="float32", force=True)
    assert_same(minillama.load(tmp_path / "a", dtype=None), (model(torch.bfloat16).float(), pieces()))
    assert (tmp_path / "a" / "README.md").read_text() == "mine"
