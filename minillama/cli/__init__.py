"""`minillama`, the command: one module for each group of verbs, all of them cheap to import.

Heavy things (torch, NumPy, the package itself) are imported inside the functions, so that `--help` is quick.
`main` turns every exception into one line; see `errors`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from . import (
    bench,
    convert,
    data,
    doctor,
    errors,
    eval,
    exercise,
    generate,
    inspect,
    kernels,
    plan,
    tokenizer,
    tour,
    train,
)

app = typer.Typer(
    name="minillama",
    help="A textbook that runs, and the small LLaMA library beside it.",
    epilog="Begin with `minillama tour`.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(tour.tour)
app.command()(train.train)
app.command()(generate.generate)
app.command(name="eval")(eval.evaluate)
app.command()(plan.plan)
app.command()(convert.convert)
app.add_typer(exercise.app, name="exercise")
app.add_typer(data.app, name="data")
app.add_typer(tokenizer.app, name="tokenizer")
app.add_typer(inspect.app, name="inspect")
app.add_typer(kernels.app, name="kernels")
app.add_typer(bench.app, name="bench")
app.command()(doctor.doctor)


def _show_version(asked: bool) -> bool:
    if asked:
        from .. import __version__

        typer.echo(f"minillama {__version__}")
        raise typer.Exit
    return asked


@app.callback()
def _begin(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Take what comes before the verb; all the work is done by the option's callback."""


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line, by default the process's own, and return its exit status; empty means --help."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        status: Any = app(given or ["--help"], prog_name="minillama", standalone_mode=False)
        sys.stdout.flush()
        return status if isinstance(status, int) else 0
    except (Exception, KeyboardInterrupt) as error:
        if errors.debugging() and not isinstance(error, typer.TyperException):
            raise
        return errors.report(error)


def main() -> None:
    """Run the process's own command line and exit."""
    sys.exit(run())
