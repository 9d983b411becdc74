"""Hugging Face directories, against transformers and its tokenizers, in both directions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import minillama
from minillama.checkpoints import FORMATS, CheckpointError
from minillama.data.corpora import fetch

from .samples import (
    CONFIGS,
    LLAMA3,
    TEXTS,
    TOKENIZERS,
    WIDER,
    assert_encodes_equally,
    assert_same,
    model,
    transformers,
)

SHAPE = {
    "vocab_size": 300, "hidden_size": 32, "intermediate_size": 56, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 128,
    "bos_token_id": None, "eos_token_id": None,
}  # fmt: skip
ROPE = {"rope_theta": 20_000.0, **LLAMA3, "original_max_position_embeddings": 32}
MADE: dict[str, dict[str, Any]] = {
    "untied": {},
    "tied": {"tie_word_embeddings": True},
    "every head its own": {"num_key_value_heads": 4, "rms_norm_eps": 1e-5},
    "llama3 scaling": {"rope_parameters": ROPE},
    "linear scaling": {"rope_parameters": {"rope_theta": 1e4, "rope_type": "linear", "factor": 3.0}},
    "biases": {"attention_bias": True},
    "wide heads": {"head_dim": 20},
}
TOKENS = torch.arange(150).reshape(3, 50) * 7 % 300
RELATIVE = 2e-5  # of the largest logit; float32, in another order of summation


def theirs(path: Path, **changes: Any) -> torch.nn.Module:
    torch.manual_seed(1)
    made = transformers.LlamaForCausalLM(transformers.LlamaConfig(**{**SHAPE, **changes}))
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            if parameter.dim() == 1 and "o_proj" not in name:
                parameter.normal_(1.0, 0.2)
    made.save_pretrained(path)
    return made.eval()


def assert_same_logits(ours: torch.nn.Module, other: torch.nn.Module) -> None:
    with torch.no_grad():
        found, expected = ours(TOKENS), other(TOKENS).logits
    assert (found - expected).abs().max() <= RELATIVE * expected.abs().max()


@pytest.mark.parametrize("name", MADE)
def test_what_transformers_saves_loads_with_the_same_logits(tmp_path: Path, name: str) -> None:
    made = theirs(tmp_path, **MADE[name])
    ours, tokenizer = minillama.load(tmp_path)
    assert tokenizer is None
    assert_same_logits(ours, made)


def test_the_older_spelling_of_rotary_positions(tmp_path: Path) -> None:
    made = theirs(tmp_path, rope_parameters=ROPE)
    config = json.loads((tmp_path / "config.json").read_text())
    scaling = config.pop("rope_parameters")
    config["rope_theta"] = scaling.pop("rope_theta")
    for key in ("rope_type", "type"):
        spelt = {(key if k == "rope_type" else k): value for k, value in scaling.items()}
        (tmp_path / "config.json").write_text(json.dumps(config | {"rope_scaling": spelt}))
        ours, _ = minillama.load(str(tmp_path))
        assert_same_logits(ours, made)
    assert ours.cfg.rope_scaling == {k: v for k, v in ROPE.items() if k != "rope_theta"}


def test_shards_and_links_and_other_files_of_transformers(tmp_path: Path) -> None:
    made = theirs(tmp_path / "whole")
    made.save_pretrained(tmp_path / "blobs", max_shard_size="20KB")
    (tmp_path / "blobs" / "README.md").write_text("a model")
    snapshot = tmp_path / "snapshot"  # the hub's cache is made of links
    snapshot.mkdir()
    for file in (tmp_path / "blobs").iterdir():
        (snapshot / file.name).symlink_to(Path("../blobs") / file.name)
    assert len(list(snapshot.glob("model-*.safetensors"))) > 3
    assert_same(minillama.load(snapshot), minillama.load(tmp_path / "whole"))


def test_a_mistral_has_its_window(tmp_path: Path) -> None:
    made = transformers.MistralForCausalLM(transformers.MistralConfig(**SHAPE, sliding_window=7)).eval()
    made.save_pretrained(tmp_path)
    ours, _ = minillama.load(tmp_path)
    assert ours.cfg.sliding_window == 7
    assert_same_logits(ours, made)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_files(tmp_path: Path, dtype: torch.dtype) -> None:
    made = theirs(tmp_path).to(dtype)
    made.save_pretrained(tmp_path)
    asked = {None: dtype, dtype: dtype, "float64": torch.float64}
    for wanted, found in asked.items():
        ours, _ = minillama.load(tmp_path, dtype=wanted)
        assert ours.norm.weight.dtype == found
        assert torch.equal(ours.output.weight.to(dtype), made.lm_head.weight)
    assert minillama.load(tmp_path)[0].norm.weight.dtype == torch.float32


@pytest.mark.parametrize("shape", [*CONFIGS, *WIDER, "window"])
def test_what_we_save_loads_in_transformers(tmp_path: Path, shape: str) -> None:
    ours = model(**(CONFIGS | WIDER | {"window": {"sliding_window": 9}})[shape])
    minillama.save(ours, None, tmp_path / "m", format="hf")
    made = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "m").eval()
    assert_same_logits(ours, made)
    assert_same(minillama.load(tmp_path / "m"), (ours, None))


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_tokenizers_that_we_save_load_in_transformers(tmp_path: Path, kind: str) -> None:
    ours = TOKENIZERS[kind]()
    minillama.save(model(), ours, tmp_path / "m", format="hf")
    for load in (transformers.AutoTokenizer, transformers.PreTrainedTokenizerFast):
        made = load.from_pretrained(tmp_path / "m")
        assert (made.bos_token_id, made.eos_token_id) == (ours.bos_id, ours.eos_id)
        for text in TEXTS:
            if kind == "SentencePiece" and "</s>" in text:
                continue  # of a text behind a special token, they and we think differently
            ids = made(text, add_special_tokens=False)["input_ids"]
            assert ids == ours.encode(text, allowed_special="all")
        assert made(TEXTS[0])["input_ids"] == ours.encode(TEXTS[0], bos=True)
    end = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "m").generation_config
    assert (end.bos_token_id, end.eos_token_id) == (ours.bos_id, ours.eos_id)
    assert_encodes_equally(minillama.load(tmp_path / "m")[1], ours)


def test_shards_of_a_given_size(tmp_path: Path) -> None:
    made = model(torch.bfloat16, n_layers=3)
    minillama.save(made, None, tmp_path / "m", format="hf", max_shard_bytes=30_000)
    files = sorted((tmp_path / "m").glob("*.safetensors"))
    assert len(files) >= 4
    for file in files:
        assert len(load_file(file)) == 1 or file.stat().st_size <= 30_000 + 2000  # and the header
    assert_same(minillama.load(tmp_path / "m", dtype=None), (made, None))
    again = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "m")
    assert torch.equal(again.lm_head.weight, made.output.weight)
    assert again.dtype == torch.bfloat16


def edited(path: Path, **changes: Any) -> None:
    """Change keys of config.json; None takes one away."""
    file = path / "config.json"
    table = json.loads(file.read_text()) | changes
    file.write_text(json.dumps({key: value for key, value in table.items() if value is not ...}))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    minillama.save(model(), TOKENIZERS["byte-level"](), tmp_path / "m", format="hf")
    return tmp_path / "m"


@pytest.mark.error_contract
def test_other_models_are_named(saved: Path) -> None:
    whole = (saved / "config.json").read_text()
    for changes, told in (
        ({"model_type": "qwen3"}, "architecture is 'qwen3'; expected llama or mistral"),
        ({"model_type": 7}, "architecture is 7"),
        ({"hidden_act": "gelu"}, "hidden_act is 'gelu'; expected 'silu'"),
        ({"quantization_config": {"bits": 4}}, "quantization_config is"),
        ({"rope_scaling": {"rope_type": "yarn", "factor": 2.0}}, "rope_type 'yarn'"),
        ({"rope_scaling": ["linear"]}, r"rotary positions are \['linear'\]"),
        ({"hidden_size": ...}, "has no hidden_size"),
        ({"hidden_size": "32"}, "dim is '32': expected a whole number"),
        ({"num_attention_heads": 3}, "describes no model: n_heads 3 is not a multiple of n_kv_heads 2"),
        ({"num_hidden_layers": 10**9}, "21 tensors cannot make 1000000000 layers"),
        ({"vocab_size": 10**13}, r"embed_tokens.weight has shape \(600, 32\).* \(10000000000000, 32\)"),
        (
            {"num_attention_heads": 2 * 10**3000, "head_dim": 2 * 10**3000},
            r"a matrix with 2\*\*48 rows or more",
        ),
        ({"tie_word_embeddings": True}, "lm_head.weight differs from model.embed_tokens.weight"),
    ):
        (saved / "config.json").write_text(whole)
        edited(saved, **changes)
        with pytest.raises(CheckpointError, match=told) as caught:
            minillama.load(saved)
        assert str(saved) in str(caught.value)


def test_tensors_that_are_missing_misshapen_or_too_many_are_named(saved: Path) -> None:
    file = saved / "model.safetensors"
    whole = load_file(file)
    q, bias = "model.layers.1.self_attn.q_proj.weight", "model.layers.0.self_attn.o_proj.bias"
    for changes, told in (
        ({q: None}, f"tensor {q} is missing; expected one of shape"),
        ({q: torch.zeros(32, 31)}, rf"tensor {q} has shape \(32, 31\).* asks for \(32, 32\)"),
        ({bias: torch.ones(32)}, f"unknown tensor '{bias}'"),
        ({q: torch.zeros(32, 32, dtype=torch.int8)}, f"{q} is I8; expected floats"),
    ):
        tensors = {name: tensor for name, tensor in (whole | changes).items() if tensor is not None}
        save_file(tensors, file, {"format": "pt"})
        with pytest.raises(CheckpointError, match=told):
            minillama.load(saved)
    edited(saved, attention_bias=True)
    names = [f"model.layers.{i}.self_attn.{x}_proj.bias" for i in (0, 1) for x in "qkvo"]
    biases = {name: torch.ones(16 if name[-11] in "kv" else 32) for name in names}
    save_file(whole | biases, file, {"format": "pt"})
    with pytest.raises(CheckpointError, match="is not zero; expected no bias in attention's output"):
        minillama.load(saved)


def test_an_index_cannot_name_files_elsewhere_or_lie(tmp_path: Path) -> None:
    minillama.save(model(), None, tmp_path / "m", format="hf", max_shard_bytes=40_000)
    index = tmp_path / "m" / "model.safetensors.index.json"
    table = json.loads(index.read_text())
    name, home = next(iter(table["weight_map"].items()))
    other = next(file for file in table["weight_map"].values() if file != home)
    (tmp_path / "secret.safetensors").write_bytes((tmp_path / "m" / home).read_bytes())
    for bad in ("../secret.safetensors", str(tmp_path / "secret.safetensors"), "..", "", "config.json", 3,
                "C:\\secret.safetensors", "a\0.safetensors"):  # fmt: skip
        index.write_text(json.dumps({"weight_map": table["weight_map"] | {name: bad}}))
        with pytest.raises(CheckpointError, match=r"expected a \.safetensors file beside the index"):
            minillama.load(tmp_path / "m")
    for weight_map, told in (
        ({}, "weight_map is {}"),
        (table["weight_map"] | {name: other}, "is missing; the index says it is here"),
        (table["weight_map"] | {name: "none.safetensors"}, "none.safetensors: there is no such file"),
    ):
        index.write_text(json.dumps({"weight_map": weight_map}))
        with pytest.raises(CheckpointError, match=told):
            minillama.load(tmp_path / "m")
    index.write_text(json.dumps(table))
    (tmp_path / "m" / other).write_bytes((tmp_path / "m" / home).read_bytes())
    with pytest.raises(CheckpointError, match="too; expected it once"):
        minillama.load(tmp_path / "m")


def test_a_directory_without_weights_or_with_a_broken_tokenizer(saved: Path) -> None:
    (saved / "tokenizer.json").write_text((saved / "tokenizer.json").read_text().replace('"t": ', '"t": 9'))
    with pytest.raises(CheckpointError, match=r"tokenizer\.json: .*\(its tokenizer\)"):
        minillama.load(saved)
    (saved / "tokenizer.json").unlink()
    assert minillama.load(saved)[1] is None
    (saved / "model.safetensors").rename(saved / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match=r"a \.bin file is a pickle"):
        minillama.load(saved)


@pytest.mark.error_contract
def test_what_the_format_cannot_express_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no query and key norms"):
        minillama.save(model(qk_norm=True), None, tmp_path / "m", format="hf")
    with pytest.raises(ValueError, match="no window and its Mistral no biases"):
        minillama.save(model(sliding_window=4, attention_bias=True), None, tmp_path / "m", format="hf")
    with pytest.raises(ValueError, match="max_shard_bytes is 0"):
        minillama.save(model(), None, tmp_path / "m", format="hf", max_shard_bytes=0)
    assert not (tmp_path / "m").exists()


def test_transformers_own_llama_tokenizer_goes_on_to_every_format(tmp_path: Path) -> None:
    """Version 5 puts a space in front of a text only if there is none."""
    root = json.loads(TOKENIZERS["SentencePiece"]().to_json())["model"]
    merges = [tuple(pair) for pair in root["merges"]]
    made = transformers.LlamaTokenizer(vocab=root["vocab"], merges=merges)
    minillama.save(model(), None, tmp_path / "m", format="hf")
    made.save_pretrained(tmp_path / "m")
    ours, tokenizer = minillama.load(tmp_path / "m")
    assert tokenizer is not None
    for text in (*TEXTS, " the cat", "  the"):
        ids = made(text, add_special_tokens=False)["input_ids"]
        assert tokenizer.encode(text, allowed_special="all") == ids
        for format in FORMATS:
            minillama.save(ours, tokenizer, tmp_path / format, format=format)
            again = minillama.load(tmp_path / format)[1]
            assert again is not None
            assert again.encode(text, allowed_special="all") == ids


@pytest.mark.slow
def test_smollm2_goes_from_gguf_to_transformers(tmp_path: Path) -> None:
    """The real model: quantised GGUF, our reader, our writer, their logits and their ids."""
    ours, tokenizer = minillama.load(fetch("smollm2"))
    assert tokenizer is not None
    minillama.save(ours, tokenizer, tmp_path / "m", format="hf")
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "m").eval()
    text = "The capital of France is Paris. The capital of Italy is"
    ids = transformers.AutoTokenizer.from_pretrained(tmp_path / "m")(text)["input_ids"]
    assert ids == tokenizer.encode(text, bos=True)
    tokens = torch.tensor([tokenizer.encode(text)])
    with torch.no_grad():
        found, expected = ours(tokens), theirs(tokens).logits
    assert (found - expected).abs().max() <= RELATIVE * expected.abs().max()
    assert tokenizer.decode([int(found[0, -1].argmax())]) == " Rome"
