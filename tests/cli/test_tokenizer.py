"""`minillama tokenizer`: a vocabulary from files, and a text taken apart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from minillama import Tokenizer
from minillama.cli import run
from minillama.cli.tokenizer import printable
from minillama.data.corpora import cached

TEXT = "the cat sat on the mat, the cat sat on the hat\n" * 20


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    (tmp_path / "corpus.txt").write_text(TEXT)
    return tmp_path / "corpus.txt"


def test_train_writes_a_tokenizer(corpus: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "tokenizer.json"
    arguments = [
        "tokenizer",
        "train",
        "--corpus",
        str(corpus),
        "--vocab-size",
        "262",
        "--out",
        str(out),
        "--json",
    ]
    assert run(arguments) == 0
    result = json.loads(capsys.readouterr().out)
    tokenizer = Tokenizer.load(out)
    assert result["vocab_size"] == tokenizer.vocab_size == 262
    assert result["tokens"] == len(tokenizer.encode(TEXT))
    assert tokenizer.to_json() == Tokenizer.train([TEXT], 262).to_json()


def test_train_says_when_fewer_tokens_are_to_be_had(corpus: Path, tmp_path: Path, capsys) -> None:
    arguments = ["--corpus", str(corpus), "--vocab-size", "4096", "--out", str(tmp_path / "t.json")]
    assert run(["tokenizer", "train", *arguments]) == 0
    assert "fewer than asked for: nothing is left to merge" in capsys.readouterr().out


def test_train_overwrites_nothing_and_wants_sense(corpus: Path, tmp_path: Path, capsys) -> None:
    def refused(told: str, **options: object) -> None:
        settings = {"corpus": corpus, "out": tmp_path / "t.json"} | options
        flags = [
            text for key, value in settings.items() for text in (f"--{key.replace('_', '-')}", str(value))
        ]
        assert run(["tokenizer", "train", *flags]) == 2
        error = capsys.readouterr().err
        assert told in error
        assert error.count("\n") == 1

    refused("corpus.txt is there already: name another file", out=corpus)
    refused("is a folder: name a file in it", out=tmp_path)
    refused("there is no such folder", out=tmp_path / "no" / "t.json")
    refused("vocab_size is 255; expected at least 258", vocab_size=255)
    (tmp_path / "empty.txt").touch()
    refused("no text in it", corpus=tmp_path / "empty.txt")
    (tmp_path / "broken.txt").write_bytes(b"abc\xff")
    refused("broken.txt: not UTF-8 at byte offset 3", corpus=tmp_path / "broken.txt")
    assert not (tmp_path / "t.json").exists()


def test_show_gives_ids_and_bytes(corpus: Path, tmp_path: Path, capsys) -> None:
    tokenizer = Tokenizer.train([TEXT], 270)
    tokenizer.save(tmp_path / "tokenizer.json")
    text = "the cat é"
    arguments = ["tokenizer", "show", text, "--tokenizer", str(tmp_path), "--bos"]
    assert run([*arguments, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert [row["id"] for row in result["tokens"]] == tokenizer.encode(text, bos=True)
    assert b"".join(bytes.fromhex(row["bytes"]) for row in result["tokens"][1:]).decode() == text
    assert run(arguments) == 0
    told = capsys.readouterr().out
    assert f"{len(result['tokens'])} tokens for 10 bytes" in told
    assert "<|begin|>" in told


def test_show_of_nothing(tmp_path: Path, capsys) -> None:
    Tokenizer.train([TEXT], 260).save(tmp_path / "tokenizer.json")
    assert run(["tokenizer", "show", "", "--tokenizer", str(tmp_path)]) == 0
    assert "0 tokens for 0 bytes" in capsys.readouterr().out


@pytest.mark.parametrize(("name", "first"), [("llama-3.model", 9906), ("mistral-v1.model", 22557)])
def test_show_reads_real_vocabularies(name: str, first: int, capsys) -> None:
    path = cached("tokenizers") / name
    assert run(["tokenizer", "show", "Hello world", "--tokenizer", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["tokens"][0]["id"] == first


def test_a_token_cannot_command_the_terminal() -> None:
    assert printable(b"\x1b[31mred") == "\\x1b[31mred"
    assert printable(b"\xe2\x80\xae") == "\\u202e"  # right-to-left override
