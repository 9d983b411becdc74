"""The site's pages of the exercises: task, blank, how to start, hints and solution folded.

The solution is on the page, because a reader who is stuck for an hour learns nothing more; but it is folded,
comes last, below three folded hints, and search does not find it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .cells import fenced, indented
from .contents import Chapter
from .exercises import Exercise
from .links import links_to_pages


def exercise_page(exercise: Exercise, chapter: Chapter) -> str:
    """Return an exercise's page."""
    where = f"[Chapter {chapter.number}, {chapter.title}](../chapters/{chapter.slug}.md)"
    if not chapter.written:
        where = f"Chapter {chapter.number}, {chapter.title}"
    names = ", ".join(task.name for task in exercise.tasks)
    commands = f"minillama exercise start {exercise.id}     # your own copy of the blank: {_work(exercise)}\n"
    commands += f"minillama exercise watch {exercise.id}     # checks again each time you save"
    cell = f'from minillama.book import exercises\n\nexercises.check("{exercise.id}", {names})'
    return "\n\n".join(
        [
            f'<div class="eyebrow" markdown>Exercise {exercise.id} · {where}</div>',
            f"# {exercise.title}",
            f'<div class="facts">{_difficulty(exercise).capitalize()} · {exercise.minutes} minutes</div>',
            links_to_pages(exercise.text),
            *(fenced(task.code) for task in exercise.tasks),
            "## Begin",
            "In a terminal:",
            fenced(commands, "sh"),
            "Or write it in a notebook's cell, and ask below it:",
            fenced(cell),
            "The checker says what is right, or which mistake it is.",
            "## If you are stuck",
            *(fold("tip", f"Hint {i}", hint) for i, hint in enumerate(exercise.hints, 1)),
            "<div data-search-exclude markdown>\n\n"
            + fold("success", "Solution", fenced(exercise.solution_source().strip()))
            + "\n\n</div>",
        ]
    )


def exercise_list_page(exercises: Sequence[Exercise], chapters: Mapping[str, Chapter]) -> str:
    """Return the page that lists all exercises by chapter."""
    lines = ["# All exercises"]
    minutes = sum(exercise.minutes for exercise in exercises)
    lines.append(
        f"{len(exercises)} exercises, {minutes / 60:.0f} hours or so. `minillama exercise list` shows them"
        " with your progress; [how they work](../exercises.md) has a page of its own."
    )
    for slug in dict.fromkeys(exercise.chapter for exercise in exercises):
        chapter = chapters[slug]
        title = f"{chapter.number} {chapter.title}"
        lines.append(f"## [{title}](../chapters/{slug}.md)" if chapter.written else f"## {title}")
        rows = ["| | exercise | level | minutes |", "|---|---|---|--:|"]
        rows += [
            f"| {one.id} | [{one.title}]({one.slug}.md) | {_difficulty(one)} | {one.minutes} |"
            for one in exercises
            if one.chapter == slug
        ]
        lines.append("\n".join(rows))
    return "\n\n".join(lines)


def fold(kind: str, title: str, markdown: str) -> str:
    """Return Markdown that shows its title only, until it is opened."""
    return f'??? {kind} "{title}"\n\n{indented(markdown)}'


def _work(exercise: Exercise) -> str:
    """Return where the reader's copy lies."""
    return f"exercises/{exercise.slug}/{exercise.work_path.name}"


def _difficulty(exercise: Exercise) -> str:
    """Return easy, medium or hard, and whether it is a build."""
    return exercise.difficulty + (", a build" if exercise.build else "")
