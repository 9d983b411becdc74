"""The own format: exact round trips, and one clear error for everything that is wrong."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import minillama
from minillama.checkpoints import CheckpointError
from minillama.checkpoints.native import FILE, FORMAT
from minillama.config import LlamaConfig
from minillama.model import Llama
from minillama.tokenizer import Tokenizer

CFG = LlamaConfig(vocab_size=300, dim=16, n_layers=2, n_heads=4, n_kv_heads=2, hidden_dim=32, max_seq_len=16)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    tokenizer = Tokenizer.train(["the cat sat on the mat, the cat sat"] * 5, 270)
    minillama.save(Llama(CFG), tokenizer, tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize("tied", [False, True])
def test_round_trip_is_exact(tmp_path: Path, tied: bool) -> None:
    model = Llama(CFG.replace(tie_embeddings=tied))
    tokenizer = Tokenizer.train(["the cat sat on the mat"] * 5, 270)
    minillama.save(model, tokenizer, tmp_path / "a")
    again, same = minillama.load(tmp_path / "a")
    assert again.cfg == model.cfg
    assert same is not None
    assert same.encode("the cat", bos=True) == tokenizer.encode("the cat", bos=True)
    for name, tensor in model.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor), name


def test_saving_again_replaces_the_checkpoint(saved: Path) -> None:
    other = Llama(CFG)
    minillama.save(other, None, saved)
    model, tokenizer = minillama.load(saved)
    assert tokenizer is None
    assert torch.equal(model.norm.weight, other.norm.weight)
    assert [path.name for path in saved.iterdir()] == [FILE]


def metadata(file: Path) -> dict[str, str]:
    size = int.from_bytes(file.read_bytes()[:8], "little")
    return json.loads(file.read_bytes()[8 : 8 + size])["__metadata__"]


def test_missing_and_foreign_files_are_named(tmp_path: Path, saved: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint here"):
        minillama.load(tmp_path / "nowhere")
    save_file({"x": torch.zeros(2)}, saved / FILE, {"format": "pt"})
    with pytest.raises(CheckpointError, match=f"format is 'pt', expected '{FORMAT}'"):
        minillama.load(saved)


def change(file: Path, tensors: dict[str, torch.Tensor | None] | None = None, **meta: str) -> None:
    stored, known = load_file(file), metadata(file)
    for name, tensor in (tensors or {}).items():
        if tensor is None:
            del stored[name]
        else:
            stored[name] = tensor
    save_file(stored, file, known | meta)


def test_tensors_that_do_not_fit_the_configuration_are_named(saved: Path) -> None:
    original = (saved / FILE).read_bytes()
    cases: list[tuple[dict[str, torch.Tensor | None], str]] = [
        ({"model.norm.weight": None}, "tensor model.norm.weight is missing"),
        (
            {"model.norm.weight": torch.ones(17)},
            r"tensor model.norm.weight has shape \(17,\).*asks for \(16,\)",
        ),
        ({"model.more": torch.ones(1)}, "unknown tensor 'model.more'"),
    ]
    for tensors, message in cases:
        (saved / FILE).write_bytes(original)
        change(saved / FILE, tensors)
        with pytest.raises(CheckpointError, match=message):
            minillama.load(saved)


def test_a_configuration_that_lies_is_refused_before_memory_is_taken(saved: Path) -> None:
    huge = CFG.replace(vocab_size=2**40, dim=16).to_dict()
    change(saved / FILE, config=json.dumps(huge))
    with pytest.raises(CheckpointError, match=r"tok_embeddings.weight has shape \(300, 16\)"):
        minillama.load(saved)
    change(saved / FILE, config=json.dumps(CFG.replace(n_layers=10**9).to_dict()))
    with pytest.raises(CheckpointError, match="21 tensors cannot make 1000000000 layers"):
        minillama.load(saved)
    change(saved / FILE, config='{"dim": 16, "surprise": 1}')
    with pytest.raises(CheckpointError, match=r"configuration cannot be read.*surprise"):
        minillama.load(saved)


def test_every_truncation_and_many_flips_give_one_clear_error_or_a_model(saved: Path) -> None:
    file = saved / FILE
    whole = file.read_bytes()
    rng = np.random.default_rng(0)
    for cut in rng.integers(0, len(whole) - 1, 40):
        file.write_bytes(whole[:cut])
        with pytest.raises(CheckpointError):
            minillama.load(saved)
    header = int.from_bytes(whole[:8], "little")
    for place in rng.integers(0, 8 + header, 150):
        broken = bytearray(whole)
        broken[place] ^= int(rng.integers(1, 256))
        file.write_bytes(bytes(broken))
        with contextlib.suppress(CheckpointError):  # any other exception fails the test
            minillama.load(saved)


@pytest.mark.error_contract
def test_unknown_formats_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="format is 'pickle': expected 'native'"):
        minillama.save(Llama(CFG), None, tmp_path / "a", format="pickle")
    with pytest.raises(ValueError, match="quantization is 'q4_0'"):
        minillama.save(Llama(CFG), None, tmp_path / "a", quantization="q4_0")
