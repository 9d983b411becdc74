"""`minillama convert`: a checkpoint of one format becomes one of another."""

from __future__ import annotations

import json
import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .console import console

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from rich.progress import Progress

    from ..checkpoints import Source


def convert(
    source: Annotated[Path, typer.Argument(help="A GGUF file, or a directory of any format.")],
    target: Annotated[Path, typer.Argument(help="What to write: a directory, or a .gguf file.")],
    format: Annotated[
        str | None, typer.Option(help="native, hf, gguf or meta. Default: by the target's name, else native.")
    ] = None,
    dtype: Annotated[
        str | None, typer.Option(help="float32, bfloat16, float16 or float64. Default: as the weights are.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the target if it is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON instead of text.")] = False,
) -> None:
    """Turn a checkpoint into another format, one tensor at a time."""
    from ..checkpoints import convert as convert_checkpoint

    begun = time.perf_counter()
    with nullcontext() if as_json else _progress() as progress:
        begin = None if progress is None else _beginner(progress, target)
        done = convert_checkpoint(source, target, format, dtype, force, begin)
    seconds = time.perf_counter() - begun
    if as_json:
        told = {"source": str(done.source), "target": str(done.target), "source_format": done.source_format}
        told |= {"format": done.format}
        typer.echo(json.dumps(told | {"tensors": done.n_tensors, "bytes": done.n_bytes, "seconds": seconds}))
        return
    console.print(
        f"{done.target}: {done.n_tensors} tensors, {done.n_bytes / 1e6:,.1f} MB, {done.format} from"
        f" {done.source_format}, {seconds:.1f} s",
        highlight=False,
        soft_wrap=True,
    )


def _progress() -> AbstractContextManager[Progress]:
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn()
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _beginner(progress: Progress, target: Path) -> Callable[[Source], Callable[[int], None]]:
    """Return a function that starts the bar when the source is open, and returns what moves it."""

    def begin(source: Source) -> Callable[[int], None]:
        total = sum(info.n_bytes for info in source.tensors.values())
        task = progress.add_task(target.name, total=total)
        return lambda n_bytes: progress.advance(task, n_bytes)

    return begin
