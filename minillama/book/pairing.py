"""Chapters in pairs: `NN_slug.py` is the source, `NN_slug.ipynb` is built from it, executed and committed.

    python -m minillama.book.pairing build [chapters ...]    execute what changed, write the notebooks
    python -m minillama.book.pairing check [chapters ...]    compare the pairs, execute nothing

A build depends on the source alone: cell ids come from place and text, times and machine paths are taken out,
so two builds differ only in cells that print what they measured. If only text cells changed, the outputs are
carried over and nothing is executed.

Left out: the way back. `jupytext --sync` goes by modification times and after a clone overwrote sources;
`jupytext --update --execute` drops all outputs. Sources: the documentation of jupytext and nbclient.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from .notebooks import (
    KERNEL,
    ROOT,
    ChapterError,
    cell_metadata,
    chapter_sources,
    differences,
    execution_faults,
    read_built,
    read_source,
)

CELL_SECONDS = 300  # a whole chapter is to take 60; a cell that takes five minutes hangs
WORKERS = 2


def build(path: Path, *, again: bool = False, cell_seconds: int = CELL_SECONDS) -> str:
    """Bring the notebook beside a chapter's source up to date.

    Parameters
    ----------
    path : Path
        The source, `NN_slug.py`.
    again : bool
        Execute even what has not changed.
    cell_seconds : int
        Time for each cell.

    Returns
    -------
    str
        What was done: "unchanged", "text only", "executed".

    Raises
    ------
    ChapterError
        If a cell fails; the notebook on disk stays as it was.
    """
    notebook, target = read_source(path), path.with_suffix(".ipynb")
    old = read_built(target)
    if old is not None and not again:
        if not differences(notebook, old) and not execution_faults(old):
            return "unchanged"
        if _code(notebook) == _code(old) and not execution_faults(old):
            _carry_outputs(old, notebook)
            _write(notebook, target)
            return "text only"
    execute(notebook, path, cell_seconds)
    _write(notebook, target)
    return "executed"


def execute(notebook: NotebookNode, path: Path, cell_seconds: int = CELL_SECONDS) -> None:
    """Run a notebook's cells in place, in the folder of `path`, with this Python; raise ChapterError."""
    client = NotebookClient(
        notebook,
        kernel_name=KERNEL["name"],
        timeout=cell_seconds,
        record_timing=False,
        coalesce_streams=True,
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(path.parent)}},
    )
    try:
        client.execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        raise ChapterError(f"{path.name}: {_plain(str(error)).strip()}") from None
    notebook.metadata.language_info = nbformat.from_dict({"name": "python"})
    for cell in notebook.cells:
        cell.metadata = nbformat.from_dict({k: v for k, v in cell.metadata.items() if k in ("tags", "alt")})
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                output.traceback = [_without_paths(line) for line in output.traceback]


def faults(path: Path) -> list[str]:
    """Say what is wrong with a chapter's pair; nothing if it is as a fresh build would leave it."""
    built = read_built(path.with_suffix(".ipynb"))
    if built is None:
        return ["no notebook yet"]
    return differences(read_source(path), built) + execution_faults(built)


def _code(notebook: NotebookNode) -> list[tuple[str, list[str]]]:
    """Return what decides a notebook's outputs: its code cells' text and tags."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [(cell.source.rstrip(), cell_metadata(cell)[0]) for cell in cells]


def _carry_outputs(old: NotebookNode, new: NotebookNode) -> None:
    """Copy outputs between notebooks whose code cells are the same."""
    executed = [cell for cell in old.cells if cell.cell_type == "code"]
    for cell in new.cells:
        if cell.cell_type == "code":
            done = executed.pop(0)
            cell.outputs, cell.execution_count = done.outputs, done.execution_count


def _write(notebook: NotebookNode, path: Path) -> None:
    """Write a notebook whole or not at all."""
    nbformat.validate(notebook)
    part = path.with_suffix(".ipynb.part")
    part.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
    os.replace(part, path)


def _plain(text: str) -> str:
    """Text without the terminal's colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def _without_paths(text: str) -> str:
    """Take this machine's folders out of a traceback."""
    return text.replace(f"{ROOT}/", "").replace(f"{sys.prefix}/", "").replace(f"{sys.base_prefix}/", "")


def _build_timed(path: Path, again: bool, cell_seconds: int) -> tuple[str, float]:
    """Run `build` in a worker."""
    start = time.monotonic()
    return build(path, again=again, cell_seconds=cell_seconds), time.monotonic() - start


def _build_all(paths: Sequence[Path], again: bool, cell_seconds: int) -> int:
    """Build chapters side by side; print a line for each; return how many failed."""
    failed = 0
    with ProcessPoolExecutor(max_workers=min(WORKERS, len(paths)) or 1) as pool:
        jobs = {pool.submit(_build_timed, path, again, cell_seconds): path for path in paths}
        for job in as_completed(jobs):
            try:
                done, seconds = job.result()
                print(f"{jobs[job].stem:<32} {done:<10} {seconds:6.1f} s", flush=True)
            except ChapterError as error:
                failed += 1
                print(f"{jobs[job].stem:<32} FAILED\n{error}", flush=True)
    return failed


def _check_all(paths: Sequence[Path]) -> int:
    """Check pairs; print what is wrong; return how many are wrong."""
    wrong = {path: found for path in paths if (found := faults(path))}
    for path, found in wrong.items():
        print(f"{path.stem}:", *found[:5], *(["..."] if found[5:] else []), sep="\n  ")
    print(f"{len(paths)} chapters, {len(wrong)} to be built again (`make chapters`)")
    return len(wrong)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m minillama.book.pairing", description=__doc__.split("\n")[0]
    )
    parser.add_argument("what", choices=["build", "check"])
    parser.add_argument("chapters", nargs="*", type=Path, help="sources NN_slug.py; default: all")
    parser.add_argument("--all", action="store_true", help="execute even what has not changed")
    parser.add_argument("--cell-seconds", type=int, default=CELL_SECONDS, help="time for each cell")
    given = parser.parse_intermixed_args(arguments)
    paths = [path.resolve().with_suffix(".py") for path in given.chapters] or chapter_sources()
    missing = [path for path in paths if not path.is_file()]
    if missing:
        print(f"there is no chapter {missing[0]}", file=sys.stderr)
        return 2
    bad = _check_all(paths) if given.what == "check" else _build_all(paths, given.all, given.cell_seconds)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
