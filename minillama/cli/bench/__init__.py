"""`minillama bench`: the speeds that the documents speak of, measured on this machine.

Medians of several runs with their smallest and largest value. No test asserts any of them: what a machine
reaches depends on the machine, and on what else it is doing. One module for each group of figures.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import data, gpu, kernels, startup, stories, tokenizer, train
from .measuring import show

app = typer.Typer(help="Measure how fast things are here.", invoke_without_command=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print one line of JSON instead of a table.")]
GROUPS = (startup, stories, tokenizer, train, data, kernels)


@app.callback()
def everything(context: typer.Context, as_json: AsJson = False) -> None:
    """Measure all groups, one after another."""
    if context.invoked_subcommand is None:
        show([figure for group in GROUPS for figure in group.figures()], as_json)


@app.command("startup")
def startup_(as_json: AsJson = False) -> None:
    """Time `minillama --help` and `import minillama` as whole processes."""
    show(startup.figures(), as_json)


@app.command("stories")
def stories_(as_json: AsJson = False) -> None:
    """Tell and parse stories of each level."""
    show(stories.figures(), as_json)


@app.command("tokenizer")
def tokenizer_(as_json: AsJson = False) -> None:
    """Learn vocabularies from five megabytes of stories, and encode them."""
    show(tokenizer.figures(), as_json)


@app.command("train")
def train_(as_json: AsJson = False) -> None:
    """Train the tour's model, transformers' LLaMA and the NumPy reference of the same shape in turns."""
    show(train.figures(), as_json)


@app.command("data")
def data_(as_json: AsJson = False) -> None:
    """Run each stage of the data pipeline over made-up web pages."""
    show(data.figures(), as_json)


@app.command("gpu")
def gpu_(
    device: Annotated[str, typer.Option(help="cuda, or cpu for a rehearsal.")] = "cuda",
    backend: Annotated[
        str | None, typer.Option(help="Whose kernels are ours. Default: the best here.")
    ] = None,
    small: Annotated[bool, typer.Option("--small", help="Small shapes: a rehearsal.")] = False,
    out: Annotated[Path, typer.Option(help="Folder for the file of figures.")] = gpu.FOLDER,
    as_json: AsJson = False,
) -> None:
    """Measure training and every operation on a GPU: plain, compiled, Liger's and ours in turns."""
    gpu.show(*gpu.measure(device, backend, small, out), as_json)


@app.command("kernels")
def kernels_(
    as_json: AsJson = False,
    liger: Annotated[bool, typer.Option(help="Compile Liger-Kernel's GPU kernels beside ours.")] = True,
) -> None:
    """Time the C kernels beside PyTorch; compile the GPU kernels beside Liger-Kernel's, which it fetches."""
    show(kernels.figures(), as_json)
    if liger and not as_json:
        from ..kernels import beside_liger

        beside_liger()
