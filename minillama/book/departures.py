"""The page "Where code departs from the papers", gathered from the departure boxes of the chapters.

A box is a quotation in a chapter's source, under the section that it belongs to:

    > **Departure: RMSNorm, when to cast to 16 bits.**
    >
    > - **Paper.** ...
    > - **Code.** ...
    > - **Here.** ...
    > - **What changes.** ...

`minillama.book.pages` writes `docs/departures.md` from them. It is kept in git, since the notebooks link to
it, and a test compares it with the chapters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown.extensions.toc import slugify

from .contents import Chapter, read_contents
from .links import links_to_pages
from .notebooks import CHAPTERS, ChapterError, read_source

ROWS = ("Paper", "Code", "Here", "What changes")
BEGIN = "> **Departure: "
INTRODUCTION = """\
# Where code departs from the papers, and why

A formula in a paper leaves things open, and some things it says are done otherwise in the programs that
everybody runs. Whoever loads real weights has to follow the programs. Each entry says what the paper has,
what the code does, what `minillama` does, and what changes if you choose the other. The entries are the
boxes marked **Departure** in the chapters."""
_LINE = re.compile(r"(?:^(?P<quoted>>.*)$|^(?P<marks>#{2,4}) (?P<heading>.*)$|^(?P<other>.*)$)", re.MULTILINE)


@dataclass(frozen=True)
class Departure:
    """One box.

    Parameters
    ----------
    title : str
    rows : dict of str
        The four parts by name, each one line of Markdown.
    chapter : Chapter
    section : str
        Heading under which the box stands.
    """

    title: str
    rows: dict[str, str]
    chapter: Chapter
    section: str


def read_departures(folder: Path = CHAPTERS) -> list[Departure]:
    """Return the boxes of all written chapters, in order.

    Raises
    ------
    ChapterError
        If a box lacks a part, or has one that is not known: chapter, title and part are named.
    """
    chapters = [chapter for part in read_contents(folder) for chapter in part.chapters if chapter.written]
    return [box for chapter in chapters for box in _boxes(chapter, folder)]


def departures_page(departures: list[Departure]) -> str:
    """Return the page, one table for each box."""
    parts = [INTRODUCTION]
    for one in departures:
        link = f"chapters/{one.chapter.slug}.md#{slugify(one.section, '-')}"
        rows = [f"| **{name}** | {text} |" for name, text in one.rows.items()]
        rows.append(f"| **Shown in** | [Chapter {one.chapter.number}, {one.section}]({link}) |")
        parts.append(f"## {one.title[0].upper()}{one.title[1:]}\n\n| | |\n|---|---|\n" + "\n".join(rows))
    return "\n\n".join(parts) + "\n"


def _boxes(chapter: Chapter, folder: Path) -> Iterator[Departure]:
    """Walk through a chapter's text, remembering the last heading."""
    section, quoted = "", ""
    cells = read_source(folder / f"{chapter.slug}.py").cells
    text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    for line in _LINE.finditer(text + "\n\n"):
        if line["quoted"] is not None:
            quoted += line["quoted"] + "\n"
            continue
        if quoted.startswith(BEGIN):
            yield _parse(quoted, chapter, section)
        quoted = ""
        section = line["heading"] or section


def _parse(quoted: str, chapter: Chapter, section: str) -> Departure:
    """Take a box apart."""
    lines = [line.removeprefix(">").strip() for line in quoted.splitlines()]
    title = lines[0].removeprefix("**Departure: ").removesuffix("**").removesuffix(".")
    rows: dict[str, str] = {}
    for line in lines[1:]:
        if found := re.match(r"- \*\*(?P<name>[^*]+)\.\*\* (?P<text>.*)", line):
            rows[found["name"]] = found["text"]
        elif line and rows:
            rows[list(rows)[-1]] += f" {line}"
    if tuple(rows) != ROWS:
        raise ChapterError(
            f"{chapter.slug}: the departure {title!r} has {', '.join(rows)}; expected {', '.join(ROWS)}"
        )
    return Departure(title, {name: _row(text) for name, text in rows.items()}, chapter, section)


def _row(text: str) -> str:
    """Make one cell of a table of it: links as seen from the page, no bars outside of mathematics."""
    text = re.sub(r"\]\(\.\./", "](", re.sub(r"\]\((\d\d_)", r"](chapters/\1", links_to_pages(text)))
    return text.replace("|", "&#124;")
