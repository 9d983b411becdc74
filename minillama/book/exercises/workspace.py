"""The reader's own file of an exercise: made from the blank, given back, and never lost."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from .catalogue import Exercise


def open_work(exercise: Exercise) -> bool:
    """Make work.py from the blank if there is none; say whether it is new."""
    if exercise.work_path.exists():
        return False
    shutil.copyfile(exercise.task_path, exercise.work_path)
    return True


def reset_work(exercise: Exercise) -> Path | None:
    """Put the blank back in place of work.py.

    Returns
    -------
    Path or None
        Where the reader's version is kept; None if there was nothing of their own in it.
    """
    kept = None
    if exercise.work_path.exists() and exercise.work_path.read_bytes() != exercise.task_path.read_bytes():
        kept = _free_name(exercise.folder)
        os.replace(exercise.work_path, kept)
    shutil.copyfile(exercise.task_path, exercise.work_path)
    return kept


def _free_name(folder: Path) -> Path:
    """Return a name for a version to keep: work.1.py, work.2.py, ..."""
    number = 1
    while (path := folder / f"work.{number}.py").exists():
        number += 1
    return path
