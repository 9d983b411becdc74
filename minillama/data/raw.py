"""Raw documents, one after another, from files that nobody has checked.

    .html .htm           one page
    .txt .md             one text
    .jsonl .jsonl.gz     one document a line: {"text": ...} or {"html": ...}

Files come in the order of their paths. Nothing is read whole that could be large: a page or a line beyond
`MAX_PAGE` bytes is passed over and counted, and a compressed file is unpacked a line at a time, so a small
file that unpacks to a terabyte costs time and no memory. Left out: WARC.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .html import MAX_PAGE
from .recipe import RecipeError

PAGES, TEXTS, LINES = (".html", ".htm"), (".txt", ".md"), (".jsonl", ".jsonl.gz")


@dataclass(frozen=True)
class Raw:
    """A document as it was found.

    Attributes
    ----------
    data : bytes or str
        Of a page bytes, as their encoding is not known yet; empty where `fault` says why.
    is_html : bool
    fault : str
        Why it cannot be used; empty if it can.
    """

    data: bytes | str
    is_html: bool = False
    fault: str = ""

    @property
    def size(self) -> int:
        """Bytes, or characters of what is decoded already."""
        return len(self.data)


def files_of(path: Path, root: Path) -> list[Path]:
    """List the files that a path of a recipe stands for, in order.

    Parameters
    ----------
    path : Path
        A file or a folder. Names that begin with a dot are passed over.
    root : Path
        The folder that none of them may lie outside of, symbolic links followed.

    Raises
    ------
    RecipeError
        If the path leads out of `root`, or there is nothing there that can be read.
    """
    inside = root.resolve()
    if not path.resolve().is_relative_to(inside):
        raise RecipeError(f"{path}: leads out of {root}; --root names another folder to read from")
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise RecipeError(f"{path}: there is no such file or folder")
    found = sorted(
        file
        for file in path.rglob("*")
        if file.name.lower().endswith((*PAGES, *TEXTS, *LINES))
        and not any(part.startswith(".") for part in file.relative_to(path).parts)
        and file.resolve().is_relative_to(inside)
        and file.is_file()
    )
    if not found:
        raise RecipeError(f"{path}: no files that end in {' '.join((*PAGES, *TEXTS, *LINES))}")
    return found


def read_raw(file: Path) -> Iterator[Raw]:
    """Yield the raw documents of one file.

    Raises
    ------
    OSError
        If it cannot be opened.
    """
    name = file.name.lower()
    if name.endswith(LINES):
        yield from _lines(file, compressed=name.endswith(".gz"))
    elif file.stat().st_size > MAX_PAGE:
        yield Raw("", fault="too large")
    else:
        yield Raw(file.read_bytes(), is_html=name.endswith(PAGES))


def _lines(file: Path, compressed: bool) -> Iterator[Raw]:
    """Yield the documents of a file of JSON lines; a compressed file that breaks off ends with a fault."""
    with gzip.open(file) if compressed else file.open("rb") as stream:
        try:
            while line := stream.readline(MAX_PAGE + 1):
                if len(line) > MAX_PAGE and not line.endswith(b"\n"):
                    yield Raw("", fault="too large")
                    while (line := stream.readline(MAX_PAGE)) and not line.endswith(b"\n"):
                        pass
                elif line.strip():
                    yield _document(line)
        except (EOFError, zlib.error, gzip.BadGzipFile):
            yield Raw("", fault="broken gzip")


def _document(line: bytes) -> Raw:
    """Read one line of JSON."""
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        return Raw("", fault="broken JSON")
    for key in ("text", "html"):
        if isinstance(values, dict) and isinstance(values.get(key), str):
            return Raw(values[key], is_html=key == "html")
    return Raw("", fault="broken JSON")
