"""`minillama exercise ...`: the exercises on the command line.

The reader's file is `work.py` beside the blank. `check` runs it in a process of its own; see
`minillama.book.exercises`. Exit status: 0 when the exercise is right, 1 when it is not yet, 2 on bad input.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ..book.exercises import Exercise
    from ..book.exercises.progress import Progress
    from ..book.exercises.report import Report

POLL = 0.3  # seconds between two looks at a watched file
READABLE = 96  # columns of running text
COLOURS = {"right": "green", "not started": "cyan"}  # anything else is red

app = typer.Typer(
    name="exercise", help="Small functions to write; the checker names your mistake.", no_args_is_help=True
)

Id = Annotated[str | None, typer.Argument(help="Such as 05.1. Default: the one started last.", metavar="ID")]
Json = Annotated[bool, typer.Option("--json", help="One line of JSON instead of text.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@app.command("list")
def list_(as_json: Json = False) -> None:
    """Show all exercises, and which are done."""
    from ..book.exercises.overview import overview, table
    from .console import console

    progress = _progress()
    parts = overview(_exercises(), progress, progress.path.parent / "chapters")
    all_rows = [row for _, rows in parts for row in rows]
    if as_json:
        typer.echo(json.dumps(all_rows))
        return
    for title, rows in parts:
        console.print(table(title, rows))
    done = sum(row["done"] for row in all_rows)
    _say(f"\n{done} of {len(all_rows)} done. `minillama exercise start` opens the next.")


@app.command()
def start(id: Id = None) -> None:
    """Open an exercise: make your own file of its blank. Without ID: the next one that is not done."""
    from ..book.exercises.workspace import open_work

    progress = _progress()
    exercise = _find(id) if id else progress.next(_exercises())
    if exercise is None:
        _say("Every exercise is done.", style="green")
        return
    new = open_work(exercise)
    progress.start(exercise.id)
    kind = f"{exercise.difficulty}, {exercise.minutes} minutes{', a build' if exercise.build else ''}"
    _say(f"{exercise.id} {exercise.title}", style="bold")
    _say(f"{kind}; goes with chapters/{exercise.chapter}.ipynb\n", style="dim")
    _markdown(exercise.text)
    _say(f"\n{'Write in' if new else 'Begun in'}  {_shown(exercise)}")
    _say(f"then      minillama exercise check {exercise.id}   (or watch, hint, solution)")
    editor = os.environ.get("EDITOR")
    if editor and sys.stdin.isatty() and sys.stdout.isatty():
        subprocess.run([*shlex.split(editor), str(exercise.work_path)], check=False)


@app.command()
def check(id: Id = None, as_json: Json = False) -> None:
    """Say whether your answer is right, and if not, which mistake it is."""
    progress = _progress()
    exercise = _find(id or progress.current)
    told = _check(exercise, progress)
    if as_json:
        typer.echo(told.to_json())
    else:
        _print(told)
        _print_next(told, progress)
    raise typer.Exit(0 if told.right else 1)


@app.command()
def watch(id: Id = None) -> None:
    """Check again each time you save, until it is right or you press Ctrl-C."""
    progress = _progress()
    exercise = _find(id or progress.current)
    seen: tuple[int, int] | None = (0, 0)
    try:
        while True:
            now = _stamp(exercise)
            if now == seen:
                time.sleep(POLL)
                continue
            seen = now
            told = _check(exercise, progress)
            _say(f"{time.strftime('%H:%M:%S')} {'─' * 60}", style="dim")
            _print(told)
            if told.right:
                _print_next(told, progress)
                return
            _say(f"\nwatching {_shown(exercise)}; Ctrl-C ends", style="dim")
    except KeyboardInterrupt:
        raise typer.Exit(1) from None


@app.command()
def hint(id: Id = None) -> None:
    """Show the next hint; there are three."""
    progress = _progress()
    exercise = _find(id or progress.current)
    seen = min(progress[exercise.id].hints, len(exercise.hints) - 1)
    progress.change(exercise.id, hints=seen + 1)
    _say(f"Hint {seen + 1} of {len(exercise.hints)}", style="bold")
    _markdown(exercise.hints[seen])


@app.command()
def solution(id: Id = None, yes: Yes = False) -> None:
    """Show the solution; asks once."""
    from rich.syntax import Syntax

    from .console import console

    progress = _progress()
    exercise = _find(id or progress.current)
    state = progress[exercise.id]
    if not (yes or state.solution or state.done):
        left = len(exercise.hints) - state.hints
        hints = f" ({left} hint{'s' if left > 1 else ''} not read yet)" if left else ""
        _confirm(f"Show the solution of {exercise.id}{hints}?")
    progress.change(exercise.id, solution=True)
    console.print(Syntax(exercise.solution_source().strip(), "python", background_color="default"))


@app.command()
def reset(id: Id = None, yes: Yes = False) -> None:
    """Start again from the blank; your version is kept beside it."""
    from ..book.exercises.workspace import reset_work

    progress = _progress()
    exercise = _find(id or progress.current)
    if exercise.work_path.exists() and not yes:
        _confirm(f"Put the blank back into {_shown(exercise)}? Your version is kept beside it.")
    kept = reset_work(exercise)
    progress.change(exercise.id, done=False)
    told = f"; your version is now {kept.name}" if kept else ""
    _say(f"{_shown(exercise)} is blank again{told}")


def _say(text: str, style: str = "") -> None:
    """Print a line as it is."""
    from .console import console

    console.print(text, style=style, highlight=False, markup=False, soft_wrap=True)


def _markdown(text: str) -> None:
    """Print Markdown, not wider than one likes to read."""
    from rich.markdown import Markdown

    from .console import console

    console.print(Markdown(text), width=min(console.width, READABLE))


def _exercises() -> list[Exercise]:
    from ..book.exercises import all_exercises

    return all_exercises()


def _progress() -> Progress:
    """Return the progress, and say so if its file was broken."""
    from ..book.exercises.catalogue import exercises_root
    from ..book.exercises.progress import Progress

    progress = Progress.read(exercises_root())
    if progress.warning:
        typer.secho(progress.warning, fg="yellow", err=True)
    return progress


def _find(id: str | None) -> Exercise:
    """Return the exercise asked for."""
    from ..book.exercises import find_exercise
    from .errors import UserError

    if id is None:
        raise UserError(
            "which exercise? Give its id, such as 05.1, or begin one with `minillama exercise start`"
        )
    return find_exercise(id)


def _check(exercise: Exercise, progress: Progress) -> Report:
    """Check the reader's file, and remember if it is right."""
    from ..book.exercises.runner import check_work

    told = check_work(exercise)
    if told.right:
        progress.change(exercise.id, done=True)
    return told


def _print(told: Report) -> None:
    """Print a report, each headline in its colour."""
    for i, finding in enumerate(told.findings):
        headline, _, rest = told.text(finding).partition("\n")
        _say(("\n" if i else "") + headline, style=f"bold {COLOURS.get(finding.status, 'red')}")
        _say(rest)


def _print_next(told: Report, progress: Progress) -> None:
    """Say what can be done now."""
    following = progress.next(_exercises())
    if not told.right:
        said = "" if told.blank else f"\n`minillama exercise hint {told.id}` gives a hint."
    elif following is None:
        said = "\nThat was the last one: every exercise is done."
    else:
        said = f"\nNext: {following.id} {following.title}. `minillama exercise start` opens it."
    if said:
        _say(said)


def _confirm(question: str) -> None:
    """Ask; end with status 1 unless the answer is yes."""
    if not typer.confirm(question):
        raise typer.Exit(1)


def _stamp(exercise: Exercise) -> tuple[int, int] | None:
    """Return what changes when the file is saved."""
    try:
        now = exercise.work_path.stat()
    except FileNotFoundError:
        return None
    return now.st_mtime_ns, now.st_size


def _shown(exercise: Exercise) -> str:
    """Return the path of the reader's file, from here if it lies below."""
    return (
        os.path.relpath(exercise.work_path)
        if exercise.work_path.is_relative_to(os.getcwd())
        else str(exercise.work_path)
    )
