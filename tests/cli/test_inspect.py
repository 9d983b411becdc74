"""`minillama inspect diff`: implementations and checkpoints compared, and what bad input gets."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from minillama import Llama, LlamaConfig, Tokenizer, save
from minillama.cli import run

TEXT = "the cat sat on the mat, the cat sat on the hat\n" * 20


def written(path: Path, tokenizer: Tokenizer | None = None, **changes: object) -> Path:
    """Write a small checkpoint."""
    base: dict[str, object] = {
        "vocab_size": 270, "dim": 24, "n_layers": 2, "n_heads": 6, "n_kv_heads": 2, "hidden_dim": 40,
        "max_seq_len": 32,
    }  # fmt: skip
    model = Llama(LlamaConfig.from_dict(base | changes))
    model.init_weights(torch.Generator().manual_seed(0))
    save(model, tokenizer, path)
    return path


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return written(tmp_path / "run", Tokenizer.train([TEXT], 270))


def test_it_works_at_once_and_all_agree(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["inspect", "diff", "reference", "torch"]) == 0
    told = capsys.readouterr()
    assert told.out.startswith("all 33 operations agree: largest relative error ")
    assert told.out.count("\n") == 1
    assert told.err == ""


def test_transformers_agrees_too(checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["inspect", "diff", "transformers", "reference", "--checkpoint", str(checkpoint), "--json"]
    assert run(arguments) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["agree"] is True
    assert told["first"] is None
    assert told["operations"] == 35  # the weights of attention too
    assert 0 < told["largest_error"] < 1e-12
    assert told["tolerance"] == 1e-9


def test_all_shows_every_operation(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["inspect", "diff", "reference", "torch", "--all"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["operation", "relative", "error"]
    assert [line.split()[0] for line in (lines[1], lines[-2])] == ["tok_embeddings", "output"]
    assert len(lines) == 1 + 33 + 1
    assert run(["inspect", "diff", "reference", "torch", "--all", "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)["errors"])[1] == "layers.0.attention_norm"


def test_the_seed_chooses_weights_and_tokens(capsys: pytest.CaptureFixture[str]) -> None:
    def errors(seed: int) -> str:
        assert run(["inspect", "diff", "reference", "torch", "--all", "--json", "--seed", str(seed)]) == 0
        return capsys.readouterr().out

    assert errors(1) == errors(1) != errors(2)


def test_a_wrong_weight_of_a_checkpoint_is_named(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from minillama import load

    model, tokenizer = load(checkpoint)
    with torch.no_grad():
        model.layers[1].attention.wk.weight[3, 5] += 0.1
    save(model, tokenizer, tmp_path / "wrong")
    sides = [str(checkpoint), f"reference:{tmp_path / 'wrong'}"]
    assert run(["inspect", "diff", *sides]) == 1
    told = capsys.readouterr()
    assert told.out.startswith(
        "first difference: layers.1.attention.wk (operation 19 of 33), relative error 0."
    )
    assert "; everything before agrees to " in told.out
    assert told.out.count("\n") == 1
    assert told.err == ""
    assert run(["inspect", "diff", *sides, "--json"]) == 1
    first = json.loads(capsys.readouterr().out)["first"]
    assert first["name"] == "layers.1.attention.wk"
    assert (first["place"], first["of"], first["last_agreed"]) == (19, 33, "layers.1.attention.wq")
    assert first["index"][-1] == 3
    assert run(["inspect", "diff", *sides, "--tolerance", "10"]) == 0
    assert run(["inspect", "diff", *sides, "--tolerance", "0"]) == 1


def test_another_shape_and_a_nan_part_with_valid_json(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from minillama import load

    wide = written(tmp_path / "wide", dim=48)
    assert run(["inspect", "diff", str(checkpoint), str(wide), "--json"]) == 1
    first = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)["first"]
    assert (first["name"], first["relative_error"]) == ("tok_embeddings", None)
    assert first["shapes"] == [[1, 16, 24], [1, 16, 48]]

    model, tokenizer = load(checkpoint)
    with torch.no_grad():
        model.layers[0].feed_forward.w_up.weight[0, 0] = torch.nan
    save(model, tokenizer, tmp_path / "broken")
    sides = ["reference", "torch", "--checkpoint", str(tmp_path / "broken")]
    assert run(["inspect", "diff", *sides, "--json", "--all"]) == 1  # both have it: still no agreement
    told = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert told["first"]["name"] == "layers.0.feed_forward.w_up"
    assert told["largest_error"] is None
    assert run(["inspect", "diff", *sides]) == 1
    told = capsys.readouterr()
    assert "relative error inf" in told.out
    assert told.err == ""


def test_text_is_read_by_the_checkpoints_tokenizer(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sides = ["reference", f"torch:{checkpoint}"]  # the one that names no checkpoint takes the other's
    assert run(["inspect", "diff", *sides, "--text", "the cat sat"]) == 0
    other = written(tmp_path / "other", dim=48)
    shapes = []
    for text in ("the cat", "the cat sat on"):
        assert run(["inspect", "diff", str(checkpoint), str(other), "--text", text, "--json"]) == 1
        shapes.append(json.loads(capsys.readouterr().out.splitlines()[-1])["first"]["shapes"][0])
    tokenizer = Tokenizer.train([TEXT], 270)
    assert [shape[1] for shape in shapes] == [
        len(tokenizer.encode(text, bos=True)) for text in ("the cat", "the cat sat on")
    ]


def test_bad_input_is_one_line_and_status_2(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(told: str, *arguments: str) -> None:
        assert run(["inspect", "diff", *arguments]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert told in err
        assert err.count("\n") == 1

    run_ = str(checkpoint)
    small = written(tmp_path / "small", vocab_size=64)
    deep = written(tmp_path / "deep", n_layers=3)
    refused(
        "'numpy' is neither an implementation nor a checkpoint: expected one of reference, ", "numpy", "torch"
    )
    refused("nowhere: no checkpoint here", "torch:nowhere", "reference")
    refused("nowhere: no checkpoint here", "torch", "reference", "--checkpoint", "nowhere")
    refused("'torch:' ends before its checkpoint", "torch:", "reference")
    refused(f"has 270 tokens in its vocabulary, {small} has 64: expected the same", run_, str(small))
    refused(f"has 2 layers, {deep} has 3: expected the same", run_, str(deep))
    refused("--text needs a tokenizer", "torch", "reference", "--text", "the cat")
    refused("33 positions, but max_seq_len is 32", run_, "reference", "--text", "ä" * 16)
    for tolerance in ("nan", "-1"):
        refused("Invalid value for '--tolerance'", "torch", "reference", "--tolerance", tolerance)
    refused("Missing argument 'b'", "torch")
    windowed = written(tmp_path / "windowed", sliding_window=4)
    refused("transformers' LLaMA has no sliding_window", "transformers", str(windowed))
    ahead = written(tmp_path / "ahead", Tokenizer.train([TEXT], 270), vocab_size=260)
    refused("expected some, all below 260", str(ahead), "reference", "--text", "the cat sat")
    monkeypatch.setitem(sys.modules, "transformers", None)
    refused("transformers is not installed: pip install 'minillama[test]'", "transformers", "reference")


def test_help_is_cheap(capsys: pytest.CaptureFixture[str]) -> None:
    code = "import sys; from minillama.cli import run; run(['inspect', 'diff', '--help'])"
    code += "; print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stderr.split()).isdisjoint({"torch", "numpy", "transformers", "minillama.model"})
    assert run(["inspect", "--help"]) == 0
    assert "diff" in capsys.readouterr().out
