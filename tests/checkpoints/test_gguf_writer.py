"""GGUF files that we write, read by the `gguf` library and by us; and foreign ones' scaling and biases."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch

import minillama
from minillama.checkpoints import CheckpointError
from minillama.reference import permute_rows
from minillama.tokenizer import Tokenizer
from minillama.tokenizer.byte_level import ByteLevelBPE
from minillama.tokenizer.pretokenize import PreTokenizer

from .samples import (
    CONFIGS,
    LLAMA3,
    TEXTS,
    TOKENIZERS,
    WIDER,
    assert_encodes_equally,
    assert_same,
    byte_level,
    config,
    gguf_writer,
    model,
    pieces,
    transformers,
)


def contents(reader: gguf.GGUFReader) -> dict[str, Any]:
    return {name: field.contents() for name, field in reader.fields.items()}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("shape", [*CONFIGS, *WIDER])
def test_the_gguf_library_finds_config_and_weights(tmp_path: Path, shape: str, dtype: torch.dtype) -> None:
    made = model(dtype, **(CONFIGS | WIDER)[shape])
    cfg, state = made.cfg, made.state_dict()
    path = tmp_path / "deep" / "m.gguf"
    minillama.save(made, byte_level(), path, format="gguf")
    reader = gguf.GGUFReader(path)
    told = contents(reader)
    assert told["general.architecture"] == "llama"
    llama = {key.removeprefix("llama."): value for key, value in told.items() if key.startswith("llama.")}
    scaling = cfg.rope_scaling or {}
    assert llama.pop("rope.scaling.type", None) == ("linear" if shape == "linear" else None)
    assert llama.pop("rope.scaling.factor", None) == (scaling["factor"] if shape == "linear" else None)
    assert llama.pop("attention.layer_norm_rms_epsilon") == pytest.approx(cfg.norm_eps, rel=1e-7)
    assert llama == {
        "vocab_size": cfg.vocab_size, "context_length": 64, "embedding_length": cfg.dim,
        "block_count": cfg.n_layers, "feed_forward_length": cfg.hidden_dim,
        "attention.head_count": cfg.n_heads,
        "attention.head_count_kv": cfg.n_kv_heads, "attention.key_length": cfg.head_dim,
        "attention.value_length": cfg.head_dim, "rope.dimension_count": cfg.head_dim,
        "rope.freq_base": cfg.rope_theta,
    }  # fmt: skip
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    assert ("output.weight" in tensors) is not cfg.tie_embeddings
    assert ("rope_freqs.weight" in tensors) is (shape == "llama 3.1")
    query = state["layers.0.attention.wq.weight"]
    found = gguf.quants.dequantize(
        tensors["blk.0.attn_q.weight"].data, tensors["blk.0.attn_q.weight"].tensor_type
    )
    expected = permute_rows(query.float().numpy(), cfg.n_heads, to="interleaved")
    np.testing.assert_array_equal(found.reshape(expected.shape), expected)
    kind = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16"}[dtype]
    assert tensors["blk.0.ffn_down.weight"].tensor_type.name == kind
    assert tensors["output_norm.weight"].tensor_type.name == "F32"
    np.testing.assert_array_equal(
        tensors["output_norm.weight"].data, made.norm.weight.detach().float().numpy()
    )
    assert_same(minillama.load(path, dtype=None), (made, byte_level()))


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_the_gguf_library_finds_the_tokenizer(tmp_path: Path, kind: str) -> None:
    ours = TOKENIZERS[kind]()
    minillama.save(model(), ours, tmp_path / "m.gguf", format="gguf")
    told = contents(gguf.GGUFReader(tmp_path / "m.gguf"))
    names, types = told["tokenizer.ggml.tokens"], told["tokenizer.ggml.token_type"]
    assert len(names) == len(types) == 600  # as many as the model has rows
    assert told["tokenizer.ggml.model"] == ("llama" if kind == "SentencePiece" else "gpt2")
    assert (told["tokenizer.ggml.bos_token_id"], told["tokenizer.ggml.eos_token_id"]) == (
        ours.bos_id,
        ours.eos_id,
    )
    assert told["tokenizer.ggml.add_bos_token"] is True
    assert {
        name: i for i, name in enumerate(names) if types[i] == gguf.TokenType.CONTROL
    } == ours.special_tokens
    assert types[ours.vocab_size :] == [gguf.TokenType.UNUSED] * (600 - ours.vocab_size)
    if kind == "SentencePiece":
        assert names[: ours.vocab_size] == [piece.text for piece in ours.model.pieces]
        assert told["tokenizer.ggml.scores"][: ours.vocab_size] == [
            piece.score for piece in ours.model.pieces
        ]
    else:
        assert told["tokenizer.ggml.pre"] == "llama-bpe"
    assert_encodes_equally(minillama.load(tmp_path / "m.gguf")[1], ours)
    assert_encodes_equally(Tokenizer.load(tmp_path / "m.gguf"), ours)


def foreign(path: Path, divisors: np.ndarray | None = None, **more: Any) -> None:
    """A file as llama.cpp's converter writes it: no keys of ours."""
    made = model(rope_theta=500_000.0, dim=256, n_heads=2, n_kv_heads=1)
    cfg = made.cfg
    writer = gguf_writer(path, cfg)
    for key, value in more.items():
        getattr(writer, key)(value)
    if divisors is not None:
        writer.add_tensor("rope_freqs.weight", divisors)
    minillama.save(made, None, path.with_suffix(".ours"), format="gguf")
    for tensor in gguf.GGUFReader(path.with_suffix(".ours")).tensors:
        writer.add_tensor(tensor.name, np.array(tensor.data))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def llama_cpp_divisors(factor: float, low: float, high: float, context: int) -> np.ndarray:
    """The formula of llama.cpp's converter, for heads of 128 and theta 500,000."""
    divisors = []
    for frequency in 1.0 / 500_000.0 ** (np.arange(0, 128, 2) / 128):
        wavelength = 2 * math.pi / frequency
        if wavelength < context / high:
            divisors.append(1.0)
        elif wavelength > context / low:
            divisors.append(factor)
        else:
            smooth = (context / wavelength - low) / (high - low)
            divisors.append(1 / ((1 - smooth) / factor + smooth))
    return np.array(divisors, np.float32)


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ((8.0, 1.0, 4.0, 8192), (8.0, 1.0, 4.0, 8192)),
        ((32.0, 1.0, 4.0, 8192), (32.0, 1.0, 4.0, 8192)),
        ((4.0, 1.0, 16.0, 2048), (4.0, 1.0, 16.0, 2048)),
        ((8.0, 2.0, 8.0, 16_384), (8.0, 1.0, 4.0, 8192)),  # the same function of the position
    ],
)
def test_llama_3s_scaling_is_worked_out(tmp_path: Path, given: tuple, found: tuple) -> None:
    foreign(tmp_path / "m.gguf", llama_cpp_divisors(*given))
    scaling = minillama.load(tmp_path / "m.gguf")[0].cfg.rope_scaling
    assert list(scaling) == list(LLAMA3)
    assert list(scaling.values())[1:] == pytest.approx(found, rel=1e-3)


def test_divisors_of_one_are_no_scaling(tmp_path: Path) -> None:
    foreign(tmp_path / "m.gguf", np.ones(64, np.float32))
    made, tokenizer = minillama.load(str(tmp_path / "m.gguf"))
    assert (made.cfg.rope_scaling, tokenizer) == (None, None)
    assert made.cfg.rope_theta == 500_000.0


@pytest.mark.error_contract
def test_foreign_files_that_are_no_llama_of_ours_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    cases: list[tuple[np.ndarray | None, dict[str, Any], str]] = [
        (np.full(64, 0.5, np.float32), {}, "no 64 divisors of at least 1"),
        (np.ones(63, np.float32), {}, "no 64 divisors of at least 1"),
        (np.linspace(8, 1, 64, dtype=np.float32), {}, "that no scaling of LLaMA 3 gives"),
        (None, {"add_expert_count": 4}, "has 4 experts; expected none"),
        (
            None,
            {"add_rope_dimension_count": 64},
            r"rope\.dimension_count 64; expected the width of a head, 128",
        ),
        (None, {"add_rope_scaling_type": gguf.RopeScalingType.YARN}, "type 'yarn'; expected none or linear"),
    ]
    for divisors, more, told in cases:
        foreign(path, divisors, **more)
        with pytest.raises(CheckpointError, match=told) as caught:
            minillama.load(path)
        assert str(path) in str(caught.value)


@pytest.mark.error_contract
def test_what_gguf_cannot_express_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    base = byte_level().model
    assert isinstance(base, ByteLevelBPE)
    other = ByteLevelBPE(base.tokens, base.merges, PreTokenizer(["a+"]))
    odd = Tokenizer(other, byte_level().special_tokens)
    unreached = ByteLevelBPE([*base.tokens[:-2], b"zebra"], base.merges, PreTokenizer())
    cases: list[tuple[dict[str, Any], Tokenizer | None, str]] = [
        ({"qk_norm": True}, None, "qk_norm is True: GGUF's LLaMA has none"),
        ({"sliding_window": 8}, None, "sliding_window is 8: GGUF's LLaMA has none"),
        ({"norm_eps": 1.23456789e-5}, None, "GGUF holds float32: expected 1.2345679e-05"),
        ({"max_seq_len": 2**32}, None, r"expected less than 2\*\*32"),
        ({"vocab_size": 290}, byte_level(), "has 295 tokens, the model 290 rows"),
        ({}, odd, "a pattern that GGUF has no name for"),
        ({}, Tokenizer(unreached, {}), "merges do not lead to each of its tokens"),
        ({}, pieces(unk_surface="<?>"), "the unknown token is written '<[?]>'"),
    ]
    for changes, tokenizer, told in cases:
        with pytest.raises(ValueError, match=told):
            minillama.save(model(**changes), tokenizer, tmp_path / "m.gguf", format="gguf")
    with pytest.raises(ValueError, match="is float64: GGUF's LLaMA holds float32"):
        minillama.save(model(torch.float64), None, tmp_path / "m.gguf", format="gguf")
    with pytest.raises(ValueError, match=r"is a directory: expected a file, such as .*model\.gguf"):
        minillama.save(model(), None, tmp_path, format="gguf")
    assert list(tmp_path.iterdir()) == []


def test_merges_of_scores_and_back_give_the_same_ids(tmp_path: Path) -> None:
    """SentencePiece, by way of a tokenizer.json, which has no scores, to GGUF, which has no merges."""
    ours = pieces()
    minillama.save(model(), Tokenizer.from_json(ours.to_json()), tmp_path / "m.gguf", format="gguf")
    assert_encodes_equally(minillama.load(tmp_path / "m.gguf")[1], ours)
    assert config().vocab_size == 600


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_transformers_reads_the_tokenizer_too(tmp_path: Path, kind: str) -> None:
    ours = TOKENIZERS[kind]()
    minillama.save(model(), ours, tmp_path / "m.gguf", format="gguf")
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path, gguf_file="m.gguf")
    assert (theirs.bos_token_id, theirs.eos_token_id) == (ours.bos_id, ours.eos_id)
    for text in TEXTS:
        if "<" not in text:  # special tokens it looks for in every text
            assert theirs(text, add_special_tokens=False)["input_ids"] == ours.encode(text)
