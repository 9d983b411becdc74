"""`minillama eval`: the three kinds of score, and what bad input gets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from minillama import Llama, LlamaConfig, Tokenizer, save
from minillama.cli import run
from minillama.data.stories import Stories
from minillama.evaluation.multiple_choice import NORMALISATIONS, correct, judge
from minillama.evaluation.perplexity import perplexity
from minillama.evaluation.story_suite import story_suite


@pytest.fixture(scope="module")
def pair() -> tuple[Llama, Tokenizer]:
    tokenizer = Tokenizer.train([Stories(3, level=1).sample().text * 4], 290)
    model = Llama(
        LlamaConfig(
            vocab_size=tokenizer.vocab_size, dim=16, n_layers=1, n_heads=2, n_kv_heads=1, hidden_dim=32,
            max_seq_len=400,
        )
    )  # fmt: skip
    model.init_weights(torch.Generator().manual_seed(0))
    return model.eval(), tokenizer


@pytest.fixture(scope="module")
def checkpoint(pair: tuple[Llama, Tokenizer], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("eval") / "run"
    save(*pair, path)
    return path


def results(capsys: pytest.CaptureFixture[str], *arguments: object) -> list[dict[str, float]]:
    assert run(["eval", *map(str, arguments), "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    found: list[dict[str, float]] = json.loads(line)["results"]
    return found


def refused(capsys: pytest.CaptureFixture[str], match: str, *arguments: object) -> None:
    assert run(["eval", *map(str, arguments)]) == 2
    told = capsys.readouterr()
    assert match in told.err
    assert told.err.count("\n") == 1
    assert told.out == ""


def test_stories_by_default(
    checkpoint: Path, pair: tuple[Llama, Tokenizer], capsys: pytest.CaptureFixture[str]
) -> None:
    rows = results(capsys, checkpoint, "--questions", 25, "--seed", 4)
    suite = story_suite(1, 25, seed=4)
    assert [row["score"] for row in rows] == [task.name for task in suite]
    for row, task in zip(rows, suite, strict=True):
        assert row["accuracy"] == correct(judge(*pair, task.questions), "raw").mean()
        assert row["low"] <= row["accuracy"] <= row["high"]
        assert (row["questions"], row["ceiling"]) == (25, 1.0)
        assert row["chance"] == pytest.approx(task.chance)
    assert rows == results(capsys, checkpoint, "--suite", "stories", "--questions", 25, "--seed", 4)


def test_a_text(
    checkpoint: Path, pair: tuple[Llama, Tokenizer], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "text.txt"
    text.write_text("Once there was a café. " * 20, encoding="utf-8")
    (row,) = results(capsys, checkpoint, "--perplexity", text, "--context", 50, "--stride", 20)
    reading = perplexity(*pair, text.read_text(encoding="utf-8"), 50, 20)
    assert row["perplexity"] == pytest.approx(reading.perplexity)
    assert row["bits_per_byte"] == pytest.approx(reading.bits_per_byte)
    assert (row["tokens"], row["bytes"], row["context"], row["stride"]) == (len(reading.nats), 480, 50, 20)
    (row,) = results(capsys, checkpoint, "--perplexity", text)
    assert (row["context"], row["stride"]) == (400, 200)


def test_a_task_with_choices_shows_every_normalisation(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task = tmp_path / "task.jsonl"
    lines = [
        {"question": f"Is {i} odd?", "answer": ("no", "yes")[i % 2], "choices": ["yes", "no"]}
        for i in range(12)
    ]
    task.write_text("\n".join(map(json.dumps, lines)))
    rows = results(capsys, checkpoint, "--task", task, "--shots", 2, "--questions", 10)
    assert [row["score"] for row in rows] == list(NORMALISATIONS)
    assert all(row["questions"] == 10 and row["chance"] == 0.5 for row in rows)
    lettered = results(capsys, checkpoint, "--task", task, "--format", "letters")
    assert lettered[0]["questions"] == 12


def test_a_task_without_choices_is_exact_match(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task = tmp_path / "task.jsonl"
    task.write_text('{"question": "Who?", "answers": ["Tom"]}\n{"question": "What?", "answer": "a kite"}')
    (row,) = results(capsys, checkpoint, "--task", task, "--format", "questions", "--shots", 1)
    assert row["score"] == "exact match"
    assert row["accuracy"] == 0.0
    refused(capsys, "--format letters needs choices", checkpoint, "--task", task, "--format", "letters")
    refused(capsys, "2 shots were asked for: expected 0 to 1", checkpoint, "--task", task, "--shots", 2)


def test_the_table_has_a_line_for_each_score(checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["eval", str(checkpoint), "--questions", "5"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["score", "questions", "accuracy", "low", "high", "chance", "ceiling"]
    assert [line.split()[0] for line in lines[1:]] == ["cloze", "coreference", "questions"]


def test_bad_input_costs_one_line(
    checkpoint: Path, pair: tuple[Llama, Tokenizer], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here = tmp_path / "text.txt"
    here.write_text("Tom")
    refused(capsys, "--suite is 'mmlu': expected stories", checkpoint, "--suite", "mmlu")
    refused(capsys, "exclude each other", checkpoint, "--task", here, "--perplexity", here)
    refused(capsys, "--format is 'poem'", checkpoint, "--format", "poem")
    refused(capsys, "line 1: Expecting value", checkpoint, "--task", here)
    refused(capsys, "no such file", checkpoint, "--perplexity", tmp_path / "nothing.txt")
    refused(capsys, "context is 500: expected 1 to 400", checkpoint, "--perplexity", here, "--context", 500)
    refused(capsys, "nothing", tmp_path / "nothing")
    latin = tmp_path / "latin.txt"
    latin.write_bytes(b"caf\xe9")
    refused(capsys, "not UTF-8 at byte 3", checkpoint, "--perplexity", latin)
    save(pair[0], None, tmp_path / "bare")
    refused(capsys, "holds no tokenizer", tmp_path / "bare")
