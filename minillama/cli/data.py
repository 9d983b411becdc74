"""`minillama data ...`: bring real texts and models, and look at texts."""

from __future__ import annotations

import typer

app = typer.Typer(help="Bring real texts and vocabularies, and measure texts.", no_args_is_help=True)


@app.callback()
def _data() -> None:
    pass
