"""`minillama data ...`: bring texts, vocabularies and a model; make token files; write stories; measure."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import data_make
from .console import console
from .errors import UserError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from rich.progress import Progress
    from rich.table import Table

app = typer.Typer(
    help="Bring real texts and vocabularies, make token files, write stories, measure texts.",
    no_args_is_help=True,
)
app.command()(data_make.make)
app.command()(data_make.check)
app.command()(data_make.recipe)

Json = Annotated[bool, typer.Option("--json", help="Print one line of JSON instead of text.")]
Seed = Annotated[int, typer.Option(min=0, help="The same seed tells the same stories.")]


@app.command("list")
def list_(as_json: Json = False) -> None:
    """Show what can be fetched, and what is here."""
    from ..data.datasets import cache_dir, datasets

    known = list(datasets().values())
    if as_json:
        rows = [{"name": d.name, "about": d.about, "licence": d.licence, "here": d.present()} for d in known]
        typer.echo(json.dumps(rows))
        return
    for wanted in known:
        mark = "[green]here[/]" if wanted.present() else "[dim]not here[/]"
        size = _megabytes(sum(archive.bytes for archive in wanted.archives))
        console.print(f"[bold]{wanted.name:<12}[/] {mark}  {wanted.about} ({size})", highlight=False)
        console.print(f"{'':<12} licence: {wanted.licence}", style="dim", highlight=False)
    console.print(f"\nkept in {cache_dir()}", style="dim", highlight=False, soft_wrap=True)


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="A name from `minillama data list`, or all.")],
    as_json: Json = False,
) -> None:
    """Bring a dataset into the cache; what is there and intact is not fetched again."""
    from ..data.datasets import dataset, datasets
    from ..data.datasets import fetch as fetch_dataset

    wanted = list(datasets().values()) if name == "all" else [dataset(name)]
    places = {}
    with nullcontext() if as_json else _progress() as progress:
        for each in wanted:
            tell = None if progress is None else _teller(progress)
            places[each.name] = str(fetch_dataset(each.name, tell))
            if not as_json:
                console.print(f"{each.name}: {places[each.name]}", highlight=False, soft_wrap=True)
    if as_json:
        typer.echo(json.dumps(places))


@app.command()
def stories(
    out: Annotated[Path, typer.Argument(help="File to write: one story a line.")],
    count: Annotated[int, typer.Option(min=1, help="How many.")] = 10_000,
    level: Annotated[int, typer.Option(help="1: short and simple. 3: the whole world.")] = 3,
    language: Annotated[str, typer.Option(help="en or pt.")] = "en",
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Write stories whose entropy is known to a text file, and say what it is."""
    from ..data.stories import Stories

    if out.exists():
        raise UserError(f"{out} is there already: name another file")
    source = Stories(seed, language, level)
    nats = size = 0.0
    with out.open("x", encoding="utf-8", newline="\n") as file:
        for _ in range(count):
            story = source.sample()
            size += file.write(story.text + "\n")
            nats += story.nats
    if as_json:
        typer.echo(json.dumps({"path": str(out), "stories": count, "nats": nats}))
        return
    console.print(
        f"{out}: {count:,} stories, {nats / count:.2f} nats a story, {nats / size:.4f} a character",
        highlight=False,
    )


@app.command()
def stats(
    source: Annotated[str, typer.Argument(help="A text file, a folder of them, a dataset, or stories.")],
    documents: Annotated[int, typer.Option(min=2, help="Stories to sample, of each kind.")] = 1000,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Count documents, bytes and words; for stories also their entropy, which is exact for each story."""
    if source == "stories" and not Path(source).exists():
        rows = _story_rows(documents, seed)
    else:
        from ..data.corpora import read_corpus
        from ..data.datasets import cached, datasets

        fetched = source in datasets() and not Path(source).exists()
        rows = [{"source": source, **_counts(read_corpus(cached(source) if fetched else source))}]
    if as_json:
        typer.echo(json.dumps(rows))
    else:
        console.print(_table(rows))


def _counts(texts: list[str]) -> dict[str, int]:
    """Count what there is in texts; words are what white space separates."""
    distinct: set[str] = set()
    words = 0
    for text in texts:
        found = text.split()
        words += len(found)
        distinct.update(found)
    size = sum(len(text.encode()) for text in texts)
    return {"documents": len(texts), "bytes": size, "words": words, "distinct_words": len(distinct)}


def _story_rows(n: int, seed: int) -> list[dict[str, Any]]:
    """Sample stories of every level and language: counts, and the mean of their nats with its error."""
    from itertools import islice
    from statistics import mean, stdev

    from ..data.stories import LANGUAGES, LEVELS, Stories

    rows = []
    for level in LEVELS:
        for language in LANGUAGES:
            sample = list(islice(Stories(seed, language, level), n))
            counts = _counts([story.text for story in sample])
            nats = [story.nats for story in sample]
            entropy = {
                "nats_per_story": mean(nats),
                "standard_error": stdev(nats) / n**0.5,
                "nats_per_word": sum(nats) / counts["words"],
                "nats_per_byte": sum(nats) / counts["bytes"],
            }
            rows.append({"source": f"level {level}, {language}", **counts, **entropy})
    return rows


def _table(rows: list[dict[str, Any]]) -> Table:
    """Lay the rows out as a table."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    stories = "nats_per_story" in rows[0]
    headings = ["", "documents", "bytes", "words", "distinct"]
    for heading in headings + ["nats/story", "/word", "/byte"] * stories:
        table.add_column(heading, justify="right" if heading else "left")
    for row in rows:
        cells = [row["source"]]
        cells += [f"{row[key]:,}" for key in ("documents", "bytes", "words", "distinct_words")]
        if stories:
            cells += [f"{row['nats_per_story']:.2f} ± {row['standard_error']:.2f}"]
            cells += [f"{row['nats_per_word']:.3f}", f"{row['nats_per_byte']:.4f}"]
        table.add_row(*cells)
    return table


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def _progress() -> AbstractContextManager[Progress]:
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _teller(progress: Progress) -> Any:
    """Return a function that shows what `fetch` tells, one bar for each archive."""
    tasks: dict[str, Any] = {}

    def tell(what: str, come: int, expected: int) -> None:
        if what not in tasks:
            tasks[what] = progress.add_task(what, total=expected)
        progress.update(tasks[what], completed=come)

    return tell
