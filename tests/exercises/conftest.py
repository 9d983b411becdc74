"""A fresh checkout's exercises in a folder of its own, and a small exercise to be wrong in."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from minillama.book.exercises import Exercise
from minillama.book.exercises.catalogue import read_exercise

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with untouched exercises, which is the working directory, too."""
    untouched = shutil.ignore_patterns("work*.py", "__pycache__")
    shutil.copytree(ROOT / "exercises", tmp_path / "exercises", ignore=untouched)
    (tmp_path / "chapters").mkdir()
    shutil.copy(ROOT / "chapters" / "contents.toml", tmp_path / "chapters")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def exercise(clone: Path) -> Exercise:
    """Return the clone's 01.1, begun with its blank."""
    found = read_exercise(clone / "exercises" / "01_1_gap_to_floor")
    shutil.copyfile(found.task_path, found.work_path)
    return found


@pytest.fixture
def solved(exercise: Exercise) -> Exercise:
    """Return the clone's 01.1, solved."""
    shutil.copyfile(exercise.folder / "solution.py", exercise.work_path)
    return exercise
