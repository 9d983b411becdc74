"""`minillama tokenizer ...`: learn a vocabulary from text, and look at what it does to a text."""

from __future__ import annotations

import typer

app = typer.Typer(help="Learn a vocabulary, and see what it makes of a text.", no_args_is_help=True)


@app.callback()
def _tokenizer() -> None:
    pass
