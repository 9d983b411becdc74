"""The exercises from a notebook's cell: show a task, check a function defined there, ask for a hint."""

from __future__ import annotations

from dataclasses import dataclass

from . import report
from .catalogue import Exercise, exercises_root, find_exercise
from .diagnose import diagnose
from .holes import Function
from .limits import SECONDS
from .progress import Progress
from .report import Finding, Report
from .runner import check_work


@dataclass(frozen=True)
class Note:
    """Markdown that shows itself."""

    markdown: str

    def _repr_markdown_(self) -> str:
        return self.markdown

    def __repr__(self) -> str:
        return self.markdown


def show(id: str) -> Note:
    """Return the task of exercise `id`, with the functions to write.

    Examples
    --------
    >>> print(str(show("01.1")).splitlines()[0])
    ### 01.1 The gap to the floor
    """
    exercise = find_exercise(id)
    head = f"### {exercise.id} {exercise.title}\n\n*{exercise.difficulty}, {exercise.minutes} minutes*"
    blanks = [f"```python\n{task.code}\n```" for task in exercise.tasks]
    return Note("\n\n".join([head, exercise.text, *blanks]))


def check(id: str, *functions: Function, seconds: float = SECONDS, **named: Function) -> Report:
    """Check functions written in a notebook; without any, check the exercise's work.py.

    Parameters
    ----------
    id : str
        Such as "05.1".
    *functions : callable
        In the order in which the task asks for them; fewer is fine.
    seconds : float
        Time for each function. In the main thread only, where a notebook's cells run.
    **named : callable
        Or under the names in the task.

    Returns
    -------
    Report
        Shows itself; `.right` says whether the exercise is done.

    Raises
    ------
    ExerciseError
        If there is no such exercise.
    ValueError
        If more functions are given than asked for, or one by an unknown name.

    Examples
    --------
    >>> check("01.1", lambda model_nats, story_nats, tokens: None).right
    False
    """
    exercise = find_exercise(id)
    given = _by_name(exercise, functions, named)
    told = _check(exercise, given, seconds) if given else check_work(exercise, seconds)
    if told.right:
        Progress.read(exercises_root()).change(exercise.id, done=True)
    return told


def hint(id: str) -> Note:
    """Return the next hint of exercise `id`; after the third, all three."""
    exercise = find_exercise(id)
    progress = Progress.read(exercises_root())
    seen = progress[exercise.id].hints
    if seen < len(exercise.hints):
        progress.change(exercise.id, hints=seen + 1)
        return Note(f"**Hint {seen + 1} of {len(exercise.hints)}.** {exercise.hints[seen]}")
    return Note("\n\n".join(f"**Hint {i}.** {text}" for i, text in enumerate(exercise.hints, 1)))


def _by_name(
    exercise: Exercise, functions: tuple[Function, ...], named: dict[str, Function]
) -> dict[str, Function]:
    """Return the functions given, under the names that the task has for them."""
    names = [task.name for task in exercise.tasks]
    if len(functions) > len(names):
        raise ValueError(
            f"{len(functions)} functions given: exercise {exercise.id} asks for {', '.join(names)}"
        )
    given = dict(zip(names, functions, strict=False)) | named
    if unknown := sorted(set(given) - set(names)):
        raise ValueError(f"exercise {exercise.id} asks for {', '.join(names)}, not for {unknown[0]}")
    if wrong := [name for name, function in given.items() if not callable(function)]:
        kind = type(given[wrong[0]]).__name__
        raise ValueError(f"{wrong[0]} is a {kind}: give the function itself, without calling it")
    return given


def _check(exercise: Exercise, given: dict[str, Function], seconds: float) -> Report:
    """Check functions in this process."""
    findings = [
        diagnose(hole, given[hole.name], seconds)
        if hole.name in given
        else Finding(hole.name, report.BLANK, "Not given here.")
        for hole in exercise.holes()
    ]
    return Report(exercise.id, exercise.chapter, tuple(findings))
