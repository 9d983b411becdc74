"""Task files: what is read, and what is refused with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from minillama.evaluation import task_file
from minillama.evaluation.prompts import Example
from minillama.evaluation.task_file import read_task

GOOD = '{"question": "Is tea hot?", "answer": "sim", "choices": ["sim", "não"]}'


def written(folder: Path, *lines: str) -> Path:
    path = folder / "task.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_lines_become_examples(tmp_path: Path) -> None:
    assert (
        read_task(written(tmp_path, GOOD, "", GOOD)) == [Example("Is tea hot?", ("sim",), ("sim", "não"))] * 2
    )
    open_ended = '{"question": "Who?", "answers": ["Tom", "Tom the mouse"]}'
    assert read_task(written(tmp_path, open_ended)) == [Example("Who?", ("Tom", "Tom the mouse"))]


@pytest.mark.error_contract
@pytest.mark.parametrize(
    ("line", "match"),
    [
        ("{", "line 2: Expecting"),
        ("[" * 100_000, "line 2: "),
        ("7", "line 2: expected an object with question"),
        ('{"question": "Who?", "answer": "Tom", "right": 1}', "line 2: expected an object"),
        ('{"question": "Who?"}', "line 2: expected either answer"),
        ('{"question": "Who?", "answer": "Tom", "answers": ["Tom"]}', "line 2: expected either answer"),
        ('{"question": 7, "answer": "Tom"}', "line 2: question is"),
        ('{"question": "Who?", "answers": "Tom"}', "line 2: answers is"),
        ('{"question": "Who?", "answer": null}', "line 2: answers is"),
        ('{"question": "Who?", "answers": []}', "line 2: .*blank answer, or none"),
        ('{"question": "Who?", "answer": "Tom", "choices": {"a": 1}}', "line 2: choices is"),
        ('{"question": "Who?", "answer": "Tom", "choices": ["Tom"]}', "line 2: choices are"),
        (
            '{"question": "Who?", "answer": "Tom", "choices": ["Mia", "Leo"]}',
            "line 2: .*not among its choices",
        ),
        ('{"question": "Who?", "answer": "Tom"}', "line 2: expected choices in all lines, or in none"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        read_task(written(tmp_path, GOOD, line))


@pytest.mark.error_contract
def test_bad_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="holds no question"):
        read_task(written(tmp_path, "", "  "))
    path = tmp_path / "latin.jsonl"
    path.write_bytes(b'{"question": "caf\xe9?", "answer": "x"}')
    with pytest.raises(ValueError, match="line 1: "):
        read_task(path)
    monkeypatch.setattr(task_file, "LARGEST", 10)
    with pytest.raises(ValueError, match="expected at most 10"):
        read_task(written(tmp_path, GOOD))
    with pytest.raises(FileNotFoundError):
        read_task(tmp_path / "nothing.jsonl")
