"""A chapter's two files as they lie on disk: the source read, the notebook read, the two compared.

What counts of a cell is its type, text, tags and alt text. What counts of an execution is that it went from
top to bottom without a failure, and that no output tells on the machine it ran on.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode

from .links import links_to_files

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = ROOT / "chapters"
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
_NUMBERED = re.compile(r"\d\d_[a-z0-9_]+")


class ChapterError(ValueError):
    """A chapter's source cannot be read or does not run."""


def chapter_sources(folder: Path = CHAPTERS) -> list[Path]:
    """Return the sources `NN_slug.py` of a folder, in order."""
    return sorted(path for path in folder.glob("*.py") if _NUMBERED.fullmatch(path.stem))


def read_source(path: Path) -> NotebookNode:
    """Return a chapter's source as a notebook without outputs: ids, metadata and links in their final form.

    Raises
    ------
    ChapterError
        If the file is missing or holds no cells.
    """
    if not path.is_file():
        raise ChapterError(f"{path}: there is no such chapter")
    notebook = jupytext.read(path, fmt="py:percent")
    if not notebook.cells:
        raise ChapterError(f"{path}: no cells; they begin with `# %%` or `# %% [markdown]`")
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            cell.source = links_to_files(cell.source)
        digest = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()
        cell.id = f"{index:03d}-{digest[:8]}"
        if cell.get("metadata", {}).get("tags"):
            cell.metadata.tags = sorted(cell.metadata.tags)
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": {"name": "python"}})
    return notebook


def read_built(path: Path) -> NotebookNode | None:
    """Return the notebook at `path`, or None if there is none that can be read."""
    try:
        return nbformat.read(path, as_version=4)
    except (FileNotFoundError, nbformat.reader.NotJSONError, nbformat.ValidationError):
        return None


def differences(source: NotebookNode, built: NotebookNode) -> list[str]:
    """Say where a built notebook is not what its source would give, leaving outputs aside."""
    if len(source.cells) != len(built.cells):
        return [f"{len(source.cells)} cells in the source, {len(built.cells)} in the notebook"]
    return [
        f"cell {index}: {what} differs"
        for index, (ours, theirs) in enumerate(zip(source.cells, built.cells, strict=True))
        for what, one, other in (
            ("type", ours.cell_type, theirs.cell_type),
            ("text", ours.source.rstrip(), theirs.source.rstrip()),
            ("tags or alt text", cell_metadata(ours), cell_metadata(theirs)),
            ("id", ours.id, theirs.get("id")),
        )
        if one != other
    ]


def execution_faults(built: NotebookNode) -> list[str]:
    """Say where a notebook was not executed from top to bottom, failed, or tells on its machine."""
    faults = []
    code = [(index, cell) for index, cell in enumerate(built.cells) if cell.cell_type == "code"]
    for expected, (index, cell) in enumerate(code, 1):
        if cell.execution_count != expected:
            faults.append(f"cell {index}: execution count {cell.execution_count}, expected {expected}")
        if "raises-exception" not in cell.metadata.get("tags", []):
            faults += [
                f"cell {index}: {output.ename}: {output.evalue}"
                for output in cell.outputs
                if output.output_type == "error"
            ]
        if str(ROOT) in nbformat.writes(nbformat.v4.new_notebook(cells=[cell])):
            faults.append(f"cell {index}: an output names a path of this machine")
    return faults


def cell_metadata(cell: NotebookNode) -> tuple[list[str], object]:
    """Return what counts of a cell's metadata."""
    return sorted(cell.metadata.get("tags", [])), cell.metadata.get("alt")
