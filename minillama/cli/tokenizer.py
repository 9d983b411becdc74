"""`minillama tokenizer ...`: learn a vocabulary from text, and look at what it makes of a text."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .console import console
from .errors import UserError

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

app = typer.Typer(help="Learn a vocabulary, and see what it makes of a text.", no_args_is_help=True)

COLOURS = (
    "black on bright_cyan",
    "black on bright_yellow",
    "black on bright_green",
    "black on bright_magenta",
)
Json = Annotated[bool, typer.Option("--json", help="Print one line of JSON instead of text.")]


@app.command()
def train(
    corpus: Annotated[Path, typer.Option(help="A text file (UTF-8), or a folder of .txt and .md files.")],
    out: Annotated[Path, typer.Option(help="File to write: a tokenizer.json.")],
    vocab_size: Annotated[int, typer.Option(help="Tokens in all: 256 bytes, merges, 2 special ones.")] = 1024,
    as_json: Json = False,
) -> None:
    """Learn a byte-level BPE vocabulary from texts."""
    from ..data.corpora import read_corpus
    from ..tokenizer import Tokenizer

    if out.is_dir():
        raise UserError(f"{out} is a folder: name a file in it, such as {out / 'tokenizer.json'}")
    if out.exists():
        raise UserError(f"{out} is there already: name another file")
    if not out.parent.is_dir():
        raise UserError(f"{out.parent}: there is no such folder; make it first")
    documents = read_corpus(corpus)
    begun = time.perf_counter()
    learnt = Tokenizer.train(documents, vocab_size)
    seconds = time.perf_counter() - begun
    learnt.save(out)
    size = sum(len(text.encode()) for text in documents)
    n_tokens = sum(len(learnt.encode(text)) for text in documents)
    if as_json:
        told = {"path": str(out), "vocab_size": learnt.vocab_size, "bytes": size, "tokens": n_tokens}
        typer.echo(json.dumps(told | {"seconds": seconds}))
        return
    console.print(
        f"{out}: {learnt.vocab_size:,} tokens learnt from {size / 1e6:.1f} MB in {seconds:.1f} s;"
        f" the text is {n_tokens:,} of them, {size / n_tokens:.2f} bytes each",
        highlight=False,
        soft_wrap=True,
    )
    if learnt.vocab_size < vocab_size:
        console.print("fewer than asked for: nothing is left to merge", style="yellow", highlight=False)


@app.command()
def show(
    text: Annotated[str, typer.Argument(help="Any text.")],
    tokenizer: Annotated[Path, typer.Option(help="A tokenizer file, or a folder with a tokenizer.json.")],
    bos: Annotated[
        bool, typer.Option("--bos", help="Begin with the special token that begins a text.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show a text's tokens, with their ids and bytes."""
    from ..tokenizer import Tokenizer

    known = Tokenizer.load(tokenizer)
    ids = known.encode(text, bos=bos)
    tokens = [known.token_bytes(i) for i in ids]
    if as_json:
        rows = [{"id": i, "bytes": token.hex(" ")} for i, token in zip(ids, tokens, strict=True)]
        typer.echo(json.dumps({"tokens": rows, "n_bytes": len(text.encode())}))
        return
    console.print(_coloured(tokens), soft_wrap=True)
    console.print(_rows(ids, tokens))
    n_bytes = len(text.encode())
    per_token = f", {n_bytes / len(ids):.2f} bytes each" if ids else ""
    console.print(f"{len(ids)} tokens for {n_bytes} bytes{per_token}", style="dim", highlight=False)


def _coloured(tokens: list[bytes]) -> Text:
    """Join the tokens, each on a colour of its own; bytes that are no whole character show as escapes."""
    from rich.text import Text

    text = Text()
    for number, token in enumerate(tokens):
        text.append(printable(token), COLOURS[number % len(COLOURS)])
    return text


def _rows(ids: list[int], tokens: list[bytes]) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("id", justify="right")
    table.add_column("token")
    table.add_column("bytes", style="dim")
    for i, token in zip(ids, tokens, strict=True):
        table.add_row(str(i), printable(token).replace(" ", "·"), token.hex(" "))
    return table


def printable(token: bytes) -> str:
    r"""Return a token as text that a terminal may show: control characters and broken bytes as escapes.

    Examples
    --------
    >>> printable(b" caf\xc3\xa9"), printable(b"\xc3"), printable(b"\n\x1b")
    (' café', '\\xc3', '\\n\\x1b')
    """
    text = token.decode("utf-8", errors="backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
