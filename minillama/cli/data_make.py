"""`minillama data make`, `check` and `recipe`: token files from a recipe, and whether they are whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .console import console
from .errors import UserError

if TYPE_CHECKING:
    from rich.progress import Progress

    from ..data.manifest import Manifest

Json = Annotated[bool, typer.Option("--json", help="Print one line of JSON instead of text.")]


def make(
    recipe: Annotated[str, typer.Argument(help="A TOML file, or small: the one that comes along.")],
    out: Annotated[Path, typer.Argument(help="Folder to write; a stopped run goes on there.")],
    root: Annotated[
        Path | None, typer.Option(help="Folder that paths are relative to. Default: the recipe's.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that clean and tokenize.")] = 1,
    keep_work: Annotated[bool, typer.Option(help="Keep the cleaned texts in OUT/work.")] = False,
    as_json: Json = False,
) -> None:
    """Make token files: extract, filter, deduplicate, mix by source, tokenize, shard."""
    from ..data.pipeline import make as run
    from ..data.recipe_files import read_recipe

    wanted = read_recipe(recipe)
    folder = Path(recipe).parent if root is None else root
    with nullcontext() if as_json else _progress() as bars:
        tell = None if bars is None else _teller(bars)
        manifest = run(wanted, out, folder, workers, tell, keep_work)
    if as_json:
        typer.echo(json.dumps({"path": str(out), "sources": manifest.sources, **_totals(manifest)}))
    else:
        _show(out, manifest)


def check(
    directory: Annotated[Path, typer.Argument(help="A folder that `data make` wrote.")], as_json: Json = False
) -> None:
    """Read all token files and compare their hashes with the manifest; a broken one is named."""
    from ..data.manifest import read_manifest
    from ..data.shards import broken_files

    manifest = read_manifest(directory)
    total = 1 + sum(len(shards) for shards in manifest.splits.values())
    with nullcontext() if as_json else _progress() as bars:
        tell = None if bars is None else _teller(bars)
        done = 0

        def looked_at(file: str) -> None:
            nonlocal done
            done += 1
            if tell is not None:
                tell("comparing hashes", done, total)

        faults = list(broken_files(directory, progress=looked_at))
    if as_json:
        typer.echo(json.dumps({"path": str(directory), "files": total, "broken": faults}))
        if faults:
            raise typer.Exit(2)
    elif faults:
        raise UserError("; ".join(faults))
    else:
        console.print(
            f"{directory}: {total} files, all as the manifest says", highlight=False, soft_wrap=True
        )


def recipe(
    name: Annotated[str, typer.Argument(help="Name of a recipe that comes with minillama.")] = "small",
) -> None:
    """Print a recipe that comes with minillama, to change it and give it to `data make`."""
    from ..data.recipe_files import recipe_text

    typer.echo(recipe_text(name), nl=False)


def _totals(manifest: Manifest) -> dict[str, int]:
    return {
        "tokens": manifest.tokens("train"),
        "held_out_tokens": manifest.tokens("held_out"),
        "files": sum(len(shards) for shards in manifest.splits.values()),
    }


def _show(out: Path, manifest: Manifest) -> None:
    """Print what became of each source."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("", "in", "dropped", "left", "tokens", "asked", "came out", "epochs"):
        table.add_column(heading, justify="right" if heading else "left")
    whole = sum(row["asked_share"] for row in manifest.sources)
    for row in manifest.sources:
        table.add_row(
            row["name"],
            f"{row['documents_in']:,}",
            f"{sum(row['dropped'].values()):,}",
            f"{row['documents']:,}",
            f"{row['tokens']:,}",
            f"{row['asked_share'] / whole:.1%}",
            f"{row['share']:.1%}",
            f"{row['epochs']:.2f}",
        )
    console.print(table)
    for row in manifest.sources:
        if row["dropped"]:
            reasons = sorted(row["dropped"].items(), key=lambda item: -item[1])
            told = ", ".join(f"{reason} {count:,}" for reason, count in reasons)
            console.print(f"{row['name']} dropped: {told}", style="dim", highlight=False)
    totals = _totals(manifest)
    console.print(
        f"{out}: {totals['tokens']:,} tokens to train on, {totals['held_out_tokens']:,} held out,"
        f" {totals['files']} files. Next: minillama train --data {out}",
        highlight=False,
        soft_wrap=True,
    )


def _progress() -> Progress:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description:<24}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _teller(bars: Progress) -> Callable[[str, int, int | None], None]:
    """Return a function that shows a stage's progress, one bar for each stage."""
    tasks: dict[str, Any] = {}

    def tell(stage: str, done: int, total: int | None) -> None:
        if stage not in tasks:
            tasks[stage] = bars.add_task(stage, total=total)
        bars.update(tasks[stage], completed=done, total=total)

    return tell
