"""`minillama inspect PATH`: every format, for people and for machines, and what bad input gets."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from minillama import Llama, LlamaConfig, Tokenizer, save
from minillama.checkpoints import FORMATS
from minillama.cli import run

CFG = LlamaConfig(vocab_size=300, dim=24, n_layers=2, n_heads=6, n_kv_heads=2, hidden_dim=40, max_seq_len=32)
TOKENIZER = Tokenizer.train(["the cat sat on the mat, the cat sat"] * 5, 280)


def written(path: Path, format: str, tokenizer: Tokenizer | None = TOKENIZER) -> Path:
    path = path / ("m.gguf" if format == "gguf" else "m")
    save(Llama(CFG).bfloat16(), tokenizer, path, format=format)
    return path


@pytest.mark.parametrize("format", FORMATS)
def test_json_tells_all(tmp_path: Path, format: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, format)
    assert run(["inspect", str(path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert run(["inspect", "--json", str(path)]) == 0
    assert json.loads(capsys.readouterr().out) == told
    assert (told["path"], told["format"]) == (str(path), format)
    assert LlamaConfig.from_dict(told["config"]) == CFG
    parameters = told["parameters"]
    assert parameters.pop("total") == CFG.n_params() == sum(parameters.values())
    assert (parameters["embedding"], parameters["norms"]) == (300 * 24, 5 * 24)
    tensors = {tensor["name"]: tensor for tensor in told["tensors"]}
    assert list(tensors) == list(dict(Llama(CFG).named_parameters()))
    assert tensors["layers.1.attention.wk.weight"] == {
        "name": "layers.1.attention.wk.weight", "shape": [8, 24], "dtype": "BF16", "bytes": 8 * 24 * 2,
    }  # fmt: skip
    assert tensors["norm.weight"]["dtype"] == ("F32" if format == "gguf" else "BF16")
    assert told["bytes"] == sum(tensor["bytes"] for tensor in told["tensors"])
    (file,) = told["files"]
    assert file["bytes"] >= told["bytes"]
    assert told["tokenizer"] == {
        "kind": "byte-level BPE", "vocab_size": TOKENIZER.vocab_size,
        "bos": {"id": TOKENIZER.bos_id, "token": "<|begin|>"},
        "eos": {"id": TOKENIZER.eos_id, "token": "<|end|>"},
        "special_tokens": TOKENIZER.special_tokens,
    }  # fmt: skip


def test_text_tells_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, "hf")
    assert run(["inspect", str(path)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    lines = [line.split() for line in out.splitlines()]
    assert lines[0] == [f"{path}:", "hf,", "model.safetensors,", "0.0", "MB"]
    for line in (
        ["n_kv_heads", "2"],
        ["embedding", "7,200", f"{7200 / CFG.n_params():.1%}"],
        ["layers.1.feed_forward.w_down.weight", "24", "x", "40", "BF16", "1,920"],
        ["byte-level", "BPE,", f"{TOKENIZER.vocab_size}", "tokens"],
        ["special", "<|begin|>", "<|end|>"],
    ):
        assert line in lines


def test_a_checkpoint_without_a_tokenizer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, "gguf", None)
    assert run(["inspect", str(path)]) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == ["tokenizer", "  none"]


def test_weights_and_torch_are_not_read(tmp_path: Path) -> None:
    code = "import sys; from minillama.cli import run; run(['inspect', sys.argv[1]]); print(*sys.modules)"
    for format in ("native", "hf", "gguf"):
        path = written(tmp_path / format, format)
        done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
        assert "torch" not in done.stdout.splitlines()[-1].split()


def test_bad_input_is_one_line_and_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def refused(told: str, *arguments: str) -> None:
        assert run(["inspect", *arguments]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert told in err
        assert err.count("\n") == 1

    refused("nowhere: no checkpoint here", "nowhere")
    refused("Missing argument", "--json")
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    refused("the architecture is 'bert'; expected llama or mistral", str(tmp_path))
    path = written(tmp_path / "good", "gguf")
    path.write_bytes(path.read_bytes()[:-100])
    refused("ends at offset", str(path))


def test_help_names_both_verbs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["inspect", "--help"]) == 0
    told = capsys.readouterr().out
    assert "PATH" in told
    assert "diff" in told
