"""The progress file: written whole, read with care, never lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from minillama.book.exercises import all_exercises
from minillama.book.exercises.progress import NAME, Progress, State


def test_none_yet(tmp_path: Path) -> None:
    progress = Progress.read(tmp_path / "exercises")
    assert progress["01.1"] == State()
    assert progress.warning is None
    assert list(tmp_path.iterdir()) == []


def test_what_is_written_is_read(tmp_path: Path) -> None:
    progress = Progress.read(tmp_path / "exercises")
    progress.change("01.2", hints=2, solution=True)
    progress.change("01.1", done=True)
    progress.start("01.2")
    again = Progress.read(tmp_path / "exercises")
    assert (again["01.1"], again["01.2"]) == (State(done=True), State(hints=2, solution=True))
    assert again.current == "01.2"
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_two_commands_at_once_do_not_undo_each_other(tmp_path: Path) -> None:
    watching, asking = Progress.read(tmp_path / "exercises"), Progress.read(tmp_path / "exercises")
    asking.change("01.1", hints=1)
    watching.change("01.1", done=True)
    assert Progress.read(tmp_path / "exercises")["01.1"] == State(done=True, hints=1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"version": 1, "exerc', "Unterminated string"),
        ("[]", "list indices"),
        ('{"exercises": {}}', "'version' is missing"),
        ('{"version": 9, "exercises": {}}', "version 9, expected 1"),
        ('{"version": 1, "exercises": {"01.1": {"done": "yes"}}}', "is no state of an exercise"),
        ('{"version": 1, "exercises": {"01.1": {"finished": true}}}', "finished"),
        ("\udcff", "utf-8"),
    ],
)
def test_a_broken_file_is_set_aside(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / NAME
    path.write_bytes(text.encode("utf-8", errors="surrogateescape"))
    progress = Progress.read(tmp_path / "exercises")
    assert progress.warning is not None
    assert said in progress.warning
    assert "\n" not in progress.warning
    assert "it is kept as .exercises.json.bak" in progress.warning
    assert path.with_name(f"{NAME}.bak").read_bytes() == text.encode("utf-8", errors="surrogateescape")
    progress.change("01.1", done=True)
    assert json.loads(path.read_text(encoding="utf-8"))["exercises"]["01.1"]["done"] is True


def test_a_second_broken_file_does_not_replace_the_first(tmp_path: Path) -> None:
    for text in ("first", "second"):
        (tmp_path / NAME).write_text(text, encoding="utf-8")
        Progress.read(tmp_path / "exercises")
    assert (tmp_path / f"{NAME}.bak").read_text(encoding="utf-8") == "first"
    assert (tmp_path / f"{NAME}.bak2").read_text(encoding="utf-8") == "second"


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    progress = Progress.read(tmp_path / "exercises")
    progress.change("01.1", done=True)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="No space left"):
        progress.change("01.2", done=True)
    assert Progress.read(tmp_path / "exercises")["01.1"].done
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_the_next_one(clone: Path) -> None:
    exercises = all_exercises()
    progress = Progress.read(clone / "exercises")
    assert progress.next(exercises) == exercises[0]
    progress.change(exercises[0].id, done=True)
    assert progress.next(exercises) == exercises[1]
    for exercise in exercises:
        progress.change(exercise.id, done=True)
    assert progress.next(exercises) is None
