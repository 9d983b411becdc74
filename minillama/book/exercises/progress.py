"""What the reader has done: one JSON file beside the exercises, which git ignores.

{"version": 1, "current": "05.2", "exercises": {"05.1": {"done": true, "hints": 1, "solution": false}}}
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from .catalogue import Exercise

NAME = ".exercises.json"
VERSION = 1


@dataclass(frozen=True)
class State:
    """Where the reader stands with one exercise.

    Parameters
    ----------
    done : bool
        Checked, and right.
    hints : int
        Hints read.
    solution : bool
        Whether the solution has been shown.
    """

    done: bool = False
    hints: int = 0
    solution: bool = False


@dataclass
class Progress:
    """The reader's progress, as the file says it; a change is written at once.

    Parameters
    ----------
    path : Path
        The file.
    states : dict
        Exercise id to `State`.
    current : str or None
        The exercise last started.
    warning : str or None
        What was wrong with the file, if anything; it is then kept under another name.
    """

    path: Path
    states: dict[str, State] = field(default_factory=dict)
    current: str | None = None
    warning: str | None = None

    @classmethod
    def read(cls, root: Path) -> Progress:
        """Return the progress for the exercises in `root`."""
        return cls.load(root.parent / NAME)

    @classmethod
    def load(cls, path: Path) -> Progress:
        """Return what the file says; no progress yet, if there is no file.

        A file that cannot be understood is set aside, never overwritten.
        """
        if not path.exists():
            return cls(path)
        try:
            said = json.loads(path.read_text(encoding="utf-8"))
            if said["version"] != VERSION:
                raise ValueError(f"version {said['version']!r}, expected {VERSION}")
            states = {str(id): _state(fields) for id, fields in said["exercises"].items()}
            return cls(path, states, said.get("current"))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            aside = _free_name(path)
            os.replace(path, aside)
            told = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            kept = f"it is kept as {aside.name}, and progress starts anew"
            return cls(path, warning=f"{path.name} could not be read ({told}): {kept}")

    def __getitem__(self, id: str) -> State:
        return self.states.get(id, State())

    def change(self, id: str, **fields: bool | int) -> None:
        """Change one exercise's state in the file as it is now: another command may have written it."""
        self._refresh()
        self.states[id] = replace(self[id], **fields)  # type: ignore[arg-type]
        self.write()

    def start(self, id: str) -> None:
        """Make an exercise the current one, and write the file."""
        self._refresh()
        self.current = id
        self.write()

    def _refresh(self) -> None:
        """Take over what the file says now."""
        now = Progress.load(self.path)
        if self.path.exists():
            self.states, self.current = now.states, now.current

    def write(self) -> None:
        """Write the file: to a temporary name first, so that it is never half there."""
        states = {id: asdict(state) for id, state in sorted(self.states.items())}
        text = json.dumps({"version": VERSION, "current": self.current, "exercises": states}, indent=1)
        handle, part = tempfile.mkstemp(dir=self.path.parent, prefix=NAME)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(text + "\n")
            os.replace(part, self.path)
        except BaseException:
            Path(part).unlink(missing_ok=True)
            raise

    def next(self, exercises: Sequence[Exercise]) -> Exercise | None:
        """Return the first exercise that is not done; None when all are."""
        return next((exercise for exercise in exercises if not self[exercise.id].done), None)


def _state(fields: dict[str, Any]) -> State:
    """Return a state read from the file."""
    blank = asdict(State())
    if any(name not in blank or type(value) is not type(blank[name]) for name, value in fields.items()):
        raise ValueError(f"{fields} is no state of an exercise")
    return State(**fields)


def _free_name(path: Path) -> Path:
    """Return a name beside `path` that is not taken: .bak, .bak2, .bak3, ..."""
    number = 1
    while (aside := path.with_name(f"{path.name}.bak{number if number > 1 else ''}")).exists():
        number += 1
    return aside
