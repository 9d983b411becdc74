"""All exercises by part and chapter, with the reader's progress: for `minillama exercise list`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from .catalogue import Exercise
from .progress import Progress

if TYPE_CHECKING:
    from rich.table import Table

PARTS = (  # last chapter, name
    (9, "Part I: from bytes to a language model, in NumPy"),
    (16, "Part II: the real thing, in PyTorch"),
    (21, "Part III: custom fused kernels"),
    (25, "Part IV: running it"),
    (29, "Part V: LLaMA 2, from base to chat"),
    (35, "Part VI: the family that grew"),
)

Row = dict[str, Any]


def overview(exercises: Sequence[Exercise], progress: Progress) -> list[tuple[str, list[Row]]]:
    """Return the parts that have exercises, each with a row per exercise.

    A row has the keys id, title, chapter, part, difficulty, minutes, build, started, done, hints, solution.
    """
    rows = [_row(exercise, progress) for exercise in exercises]
    return [(part, list(group)) for part, group in groupby(rows, key=lambda row: str(row["part"]))]


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
        made.add_row("", "", f"[dim]{chapter.replace('_', ' ')}[/dim]")
        for row in group:
            mark = "[green]✓[/green]" if row["done"] else "[yellow]…[/yellow]" if row["started"] else "·"
            level = f"{row['difficulty']}{', build' if row['build'] else ''}"
            made.add_row(mark, row["id"], row["title"], level, str(row["minutes"]), _helped(row))
    return made


def _row(exercise: Exercise, progress: Progress) -> Row:
    """Return one exercise's row."""
    state = progress[exercise.id]
    return {
        "id": exercise.id,
        "title": exercise.title,
        "chapter": exercise.chapter,
        "part": next(name for last, name in PARTS if exercise.order[0] <= last),
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
