"""All exercises by part and chapter, with the reader's progress: for `minillama exercise list`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..contents import read_contents
from .catalogue import Exercise
from .progress import Progress

if TYPE_CHECKING:
    from rich.table import Table

Row = dict[str, Any]


def overview(
    exercises: Sequence[Exercise], progress: Progress, chapters: Path
) -> list[tuple[str, list[Row]]]:
    """Return the parts that have exercises, by name, each with a row per exercise.

    A row has the keys id, title, chapter, difficulty, minutes, build, started, done, hints, solution.

    Parameters
    ----------
    exercises : sequence of Exercise
        In the book's order.
    progress : Progress
    chapters : Path
        The folder with the table of contents.
    """
    parts = {
        chapter.slug: (f"{part.name}: {part.title}", f"{chapter.number} {chapter.title}")
        for part in read_contents(chapters)
        for chapter in part.chapters
    }
    grouped = groupby(exercises, key=lambda exercise: parts[exercise.chapter][0])
    return [
        (part, [_row(exercise, parts[exercise.chapter][1], progress) for exercise in group])
        for part, group in grouped
    ]


def table(title: str, rows: Sequence[Row]) -> Table:
    """Return a part's rows as a table for the terminal, its chapters set apart."""
    from rich.table import Table

    done = sum(row["done"] for row in rows)
    made = Table(title=f"{title}  {done}/{len(rows)}", title_justify="left", title_style="bold", box=None)
    for heading, justify in (
        ("", "left"),
        ("id", "left"),
        ("exercise", "left"),
        ("", "left"),
        ("min", "right"),
    ):
        made.add_column(heading, justify=justify)  # type: ignore[arg-type]
    made.add_column("")
    for chapter, group in groupby(rows, key=lambda row: str(row["chapter"])):
        made.add_row("", "", f"[dim]{chapter}[/dim]")
        for row in group:
            mark = "[green]✓[/green]" if row["done"] else "[yellow]…[/yellow]" if row["started"] else "·"
            level = f"{row['difficulty']}{', build' if row['build'] else ''}"
            made.add_row(mark, row["id"], row["title"], level, str(row["minutes"]), _helped(row))
    return made


def _row(exercise: Exercise, chapter: str, progress: Progress) -> Row:
    """Return one exercise's row."""
    state = progress[exercise.id]
    return {
        "id": exercise.id,
        "title": exercise.title,
        "chapter": chapter,
        "difficulty": exercise.difficulty,
        "minutes": exercise.minutes,
        "build": exercise.build,
        "started": exercise.work_path.exists(),
        "done": state.done,
        "hints": state.hints,
        "solution": state.solution,
    }


def _helped(row: Row) -> str:
    """Return what help was taken, in dim letters."""
    hints = f"{row['hints']} hint{'s' if row['hints'] > 1 else ''}" if row["hints"] else ""
    seen = "solution seen" if row["solution"] else ""
    return f"[dim]{', '.join(filter(None, [hints, seen]))}[/dim]" if hints or seen else ""
