"""The book's table of contents, from chapters/contents.toml: parts and chapters, written or planned."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

CHAPTERS = Path(__file__).resolve().parents[2] / "chapters"
ROMAN = ("I", "II", "III", "IV", "V", "VI")


@dataclass(frozen=True)
class Chapter:
    """One chapter.

    Parameters
    ----------
    slug : str
        "05_rmsnorm_and_pre_norm": the name of its files and its page.
    title : str
    builds, shows : str
        What the reader writes; the experiment that it is remembered for.
    part : int
        From 1.
    written : bool
        Whether its notebook exists.
    """

    slug: str
    title: str
    builds: str
    shows: str
    part: int
    written: bool

    @property
    def number(self) -> str:
        """Its number with two digits."""
        return self.slug[:2]


@dataclass(frozen=True)
class Part:
    """One part: what it is about, what it needs and gives, its chapters in order."""

    number: int
    title: str
    about: str
    needs: str
    gives: str
    chapters: tuple[Chapter, ...]

    @property
    def name(self) -> str:
        """Its number as the book writes it."""
        return f"Part {ROMAN[self.number - 1]}"

    @property
    def page(self) -> str:
        """Its page, seen from the folder of the chapters' pages: a section's index, as the themes want it."""
        return f"part_{self.number}/index.md"


def read_contents(folder: Path = CHAPTERS) -> list[Part]:
    """Return the parts as `contents.toml` in `folder` has them.

    Examples
    --------
    >>> [len(part.chapters) for part in read_contents()]
    [9, 7, 5, 4, 4, 6]
    """
    with (folder / "contents.toml").open("rb") as file:
        parts = tomllib.load(file)["part"]
    return [
        Part(
            number,
            part["title"],
            part["about"],
            part["needs"],
            part["gives"],
            tuple(
                Chapter(**entry, part=number, written=(folder / f"{entry['slug']}.ipynb").exists())
                for entry in part["chapter"]
            ),
        )
        for number, part in enumerate(parts, 1)
    ]
