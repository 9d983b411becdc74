"""The site's generated pages: chapters, parts, contents and exercises, as Markdown.

    python -m minillama.book.pages

writes `docs/chapters/` and `docs/exercises/` (both ignored by git) from the executed notebooks, the table of
contents and the exercises' folders, `docs/departures.md` from the boxes in the chapters, the tables of
`docs/gpu.md` and `docs/kernels.md` from the files in `docs/data/`, KaTeX's style and fonts into
`docs/vendor/`, and the navigation between two markers in mkdocs.yml. Nothing is executed here:
`minillama.book.pairing` has done that.

Left out: any plugin. MkDocs and Zensical build the same Markdown.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from nbformat import NotebookNode

from .cells import PageError, cell_markdown, write_whole
from .contents import Chapter, Part, read_contents
from .departures import departures_page, read_departures
from .exercise_pages import exercise_list_page, exercise_page
from .exercises import Exercise, all_exercises
from .gpu_page import gpu_page
from .kernels_page import kernels_page
from .markers import between
from .mathematics import copy_styles
from .notebooks import CHAPTERS, ROOT, ChapterError, read_built

WORDS_PER_MINUTE = 200  # careful reading of a text with formulas
MINUTES_PER_CELL = 1  # to read a visible code cell, run it, look at what it prints
NAV_BEGIN, NAV_END = "  # begin: written by minillama.book.pages\n", "  # end\n"
_TITLE = re.compile(r"\A# .*\n*")


def write_pages(docs: Path = ROOT / "docs", config: Path = ROOT / "mkdocs.yml") -> list[Path]:
    """Write every generated page; return what was written. Files of earlier builds are removed."""
    parts, exercises = read_contents(), all_exercises()
    pages = {Path("chapters/index.md"): contents_page(parts, exercises)}
    files: dict[Path, bytes] = {}
    figures = docs / "chapters" / "figures"
    for part in parts:
        pages[Path("chapters") / part.page] = part_page(part, exercises)
        for chapter in part.chapters:
            if chapter.written:
                pages[Path("chapters") / f"{chapter.slug}.md"] = chapter_page(
                    chapter, part, exercises, figures
                )
                for suffix in (".ipynb", ".py"):
                    name = chapter.slug + suffix
                    files[Path("chapters/files") / name] = (CHAPTERS / name).read_bytes()
    titles = {chapter.slug: chapter for part in parts for chapter in part.chapters}
    pages[Path("exercises/list.md")] = exercise_list_page(exercises, titles)
    for exercise in exercises:
        pages[Path("exercises") / f"{exercise.slug}.md"] = exercise_page(exercise, titles[exercise.chapter])
    pages[Path("departures.md")] = departures_page(read_departures())
    pages[Path("gpu.md")] = gpu_page()
    pages[Path("kernels.md")] = kernels_page()
    planned = [slug for slug, chapter in titles.items() if not chapter.written]
    files |= {
        path: (without_links_to(planned, text).rstrip() + "\n").encode() for path, text in pages.items()
    }
    for path, content in files.items():
        write_whole(docs / path, content)
    shown = set(re.findall(r"figures/(\w+\.png)", "".join(pages.values())))
    _remove_others(docs, {docs / path for path in files} | {figures / name for name in shown})
    copy_styles(docs / "vendor" / "katex")
    old = config.read_text(encoding="utf-8")
    write_whole(config, with_navigation(old, parts, exercises).encode())
    return sorted(docs / path for path in files)


def chapter_page(chapter: Chapter, part: Part, exercises: Sequence[Exercise], figures: Path) -> str:
    """Return a written chapter's page."""
    notebook = read_notebook(chapter)
    try:
        first, *rest = [cell_markdown(cell, figures) for cell in notebook.cells]
    except PageError as error:
        raise PageError(f"{chapter.slug}.ipynb: {error}") from None
    mine = [exercise for exercise in exercises if exercise.chapter == chapter.slug]
    facts = [f"About {minutes_of(notebook)} minutes"]
    if mine:
        links = ", ".join(f"[{exercise.id}](../exercises/{exercise.slug}.md)" for exercise in mine)
        facts.append(f"exercises {links}")
    notebook_file, source_file = (
        f"[{what}](files/{chapter.slug}{suffix}){{ download }}"
        for what, suffix in (("notebook", ".ipynb"), ("source", ".py"))
    )
    head = [
        f'<div class="eyebrow" markdown>[{part.name}]({part.page}) · Chapter {chapter.number}</div>',
        f"# {chapter.title}",
        f'<div class="facts" markdown>\n{" · ".join(facts)}<br>\n'
        f"Open it in JupyterLab: `make lab`, then `{chapter.slug}.ipynb`."
        f" Or take its {notebook_file} and its {source_file} with you.\n</div>",
        _TITLE.sub("", first),
    ]
    return "\n\n".join([*head, *rest])


def part_page(part: Part, exercises: Sequence[Exercise]) -> str:
    """Return a part's first page: what it needs, what it gives, its chapters."""
    return "\n\n".join(
        [
            f'<div class="eyebrow" markdown>[Contents](../index.md) · {part.name}</div>',
            f"# {part.title}",
            part.about,
            f'<div class="needs-gives" markdown>\n\n<div markdown>\n**It needs**\n\n{part.needs}\n</div>\n\n'
            f"<div markdown>\n**It gives**\n\n{part.gives}\n</div>\n\n</div>",
            *(_chapter_entry(chapter, exercises) for chapter in part.chapters),
        ]
    )


def contents_page(parts: Sequence[Part], exercises: Sequence[Exercise]) -> str:
    """Return the table of contents: all parts, all chapters, those to come without a link."""
    chapters = [chapter for part in parts for chapter in part.chapters]
    written = sum(chapter.written for chapter in chapters)
    lines = [
        "# Contents",
        f"{len(chapters)} chapters in {len(parts)} parts, each building on earlier ones. {written} are"
        " written; the others are planned, and listed so that you see where the road leads.",
        f"A chapter's minutes count {WORDS_PER_MINUTE} words a minute, and {MINUTES_PER_CELL} minute for"
        " each cell of code.",
    ]
    for part in parts:
        lines += [f"## [{part.name}: {part.title}]({part.page})", part.about]
        lines.append("\n".join(_contents_line(chapter) for chapter in part.chapters))
    return "\n\n".join(lines)


def without_links_to(slugs: Sequence[str], text: str) -> str:
    """Turn links to chapters that are not written yet into plain text.

    Examples
    --------
    >>> without_links_to(["07_attention"], "[chapter 07](07_attention.md#the-mask) and [06](06_rope.md)")
    'chapter 07 and [06](06_rope.md)'
    """
    if not slugs:
        return text
    return re.sub(rf"\[([^\]]+)\]\((?:[./\w]*/)?(?:{'|'.join(slugs)})\.md(?:#[^)]*)?\)", r"\1", text)


def read_notebook(chapter: Chapter) -> NotebookNode:
    """Return a written chapter's executed notebook."""
    notebook = read_built(CHAPTERS / f"{chapter.slug}.ipynb")
    if notebook is None:
        raise ChapterError(f"{chapter.slug}.ipynb cannot be read; `make chapters` writes it again")
    return notebook


def minutes_of(notebook: NotebookNode) -> int:
    """Return about how long a chapter takes, in minutes, rounded up to five."""
    words = sum(len(cell.source.split()) for cell in notebook.cells if cell.cell_type == "markdown")
    cells = sum(
        cell.cell_type == "code" and "hide" not in cell.metadata.get("tags", []) for cell in notebook.cells
    )
    minutes = words / WORDS_PER_MINUTE + cells * MINUTES_PER_CELL
    return int(-(-minutes // 5) * 5)


def with_navigation(config: str, parts: Sequence[Part], exercises: Sequence[Exercise]) -> str:
    """Return mkdocs.yml's text with the generated pages between its two markers.

    Raises
    ------
    ValueError
        If a marker is missing.
    """
    lines = ["  - Book:", "      - chapters/index.md"]
    for part in parts:
        lines += [f'      - "{part.name}: {part.title}":', f"          - chapters/{part.page}"]
        lines += [
            f'          - "{chapter.number} {chapter.title}": chapters/{chapter.slug}.md'
            for chapter in part.chapters
            if chapter.written
        ]
    lines += ["  - Exercises:", "      - exercises.md", "      - All exercises: exercises/list.md"]
    for slug, group in groupby(exercises, key=lambda one: one.chapter):
        lines.append(f'      - "Chapter {slug[:2]}":')
        lines += [f'          - "{one.id} {one.title}": exercises/{one.slug}.md' for one in group]
    return between(config, NAV_BEGIN, NAV_END, "\n".join(lines) + "\n")


def _chapter_entry(chapter: Chapter, exercises: Sequence[Exercise]) -> str:
    """Return a chapter's entry on its part's page."""
    title = f"[{chapter.title}](../{chapter.slug}.md)" if chapter.written else chapter.title
    kind = "" if chapter.written else " planned"
    state = f"about {minutes_of(read_notebook(chapter))} minutes" if chapter.written else "planned"
    mine = [one for one in exercises if one.chapter == chapter.slug]
    if mine:
        state += f", {len(mine)} exercises" if len(mine) > 1 else ", 1 exercise"
    return (
        f'<div class="chapter{kind}" markdown>\n\n<span class="number">{chapter.number}</span>\n\n'
        f'## {title}\n\n<p class="state">{state}</p>\n\n'
        f"*You build* {chapter.builds}.\n\n*It shows* {chapter.shows}.\n\n</div>"
    )


def _contents_line(chapter: Chapter) -> str:
    """Return a chapter's line in the table of contents."""
    title = f"[{chapter.title}]({chapter.slug}.md)" if chapter.written else chapter.title
    state = "written" if chapter.written else "planned"
    return f'- <span class="number">{chapter.number}</span> <span class="{state}">{title}</span>'


def _remove_others(docs: Path, kept: set[Path]) -> None:
    """Remove generated files that this build did not write."""
    for folder in (docs / "chapters", docs / "exercises"):
        for path in sorted(folder.rglob("*"), reverse=True):
            if path.is_file() and path not in kept:
                path.unlink()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    argparse.ArgumentParser(
        prog="python -m minillama.book.pages", description=__doc__.split("\n")[0]
    ).parse_args(arguments)
    try:
        written = write_pages()
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{sum(path.suffix == '.md' for path in written)} pages in docs/chapters and docs/exercises")
    return 0


if __name__ == "__main__":
    sys.exit(main())
