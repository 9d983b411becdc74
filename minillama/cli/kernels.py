"""`minillama kernels`: what is known of the fused kernels without running them."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .console import console

if TYPE_CHECKING:
    from rich.progress import Progress
    from rich.table import Table

app = typer.Typer(help="What the fused GPU kernels take and move, known without a GPU.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Output = Annotated[Path | None, typer.Option(help="Save it as JSON, too.")]
Targets = Annotated[list[str] | None, typer.Option("--target", help="GPU to compile for; may be repeated.")]
Dtypes = Annotated[list[str] | None, typer.Option("--dtype", help="bfloat16 or float32; may be repeated.")]
Jobs = Annotated[int, typer.Option(min=1, help="Compilers side by side.")]


LEGEND = """
regs: registers of a thread. spill: what found none. KiB: shared memory of a program. narrow: bytes of a
thread's loads + stores that come less than 16 at a time. moved: bytes, each once a launch, for each byte
that the operation must move. FLOP/B: arithmetic for each of those."""


@app.callback()
def _group() -> None:
    """Keep `report` a command of its own."""


@app.command("report")
def report_(
    operations: Annotated[list[str] | None, typer.Argument(help="By default all.")] = None,
    targets: Targets = None,
    dtypes: Dtypes = None,
    liger: Annotated[bool, typer.Option(help="Liger-Kernel's beside ours (fetched if need be).")] = False,
    jobs: Jobs = 2,
    output: Output = None,
    as_json: AsJson = False,
) -> None:
    """Compile the kernels for GPUs that are not here, count what they move, and say what is amiss."""
    if output is not None and not output.parent.is_dir():
        raise ValueError(f"{output.parent} is not a folder: choose another place for the report")
    found = collected(operations, targets, dtypes, liger, jobs, quiet=as_json)
    if output is not None:
        output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if as_json:
        typer.echo(json.dumps(found))
        return
    for table in tables(found):
        console.print(table)
    console.print(LEGEND, style="dim")
    amiss = [row for kind in ("kernels", "moved") for row in found[kind] if row["faults"]]
    for row in amiss:
        console.print(f"{row['operation']} ({row['dtype']}): {'; '.join(row['faults'])}", style="red")
    if not amiss:
        console.print(
            "no spills, shared memory within bounds, wide loads, no byte more than the formulas say"
        )


def collected(
    operations: list[str] | None,
    targets: list[str] | None,
    dtypes: list[str] | None,
    liger: bool,
    jobs: int,
    quiet: bool,
) -> dict[str, Any]:
    """Return the report, with a bar while it comes."""
    from ..kernels.compiled import DTYPES, TARGETS, checked_names
    from ..kernels.compiled.liger import fetch_liger
    from ..kernels.report import report

    chosen_targets, chosen_dtypes = targets or TARGETS, dtypes or DTYPES
    checked_names(operations or None, chosen_targets, chosen_dtypes)
    if liger:
        fetch_liger()
    with nullcontext() if quiet else _progress() as progress:
        task = None if progress is None else progress.add_task("compiling", total=None)

        def told(row: Any) -> None:
            if progress is not None and task is not None:
                what = f"{row.operation}, {row.dtype}"
                progress.update(task, advance=1, description=f"{what}: {getattr(row, 'target', 'counting')}")

        return report(operations or None, chosen_targets, chosen_dtypes, jobs, told, liger)


def beside_liger() -> None:
    """Compile and count what Liger-Kernel has too, in bfloat16, and print both side by side."""
    from rich.table import Table

    from ..kernels.compiled import operations
    from ..kernels.report import HEADS, beside

    names = [name for name in operations("liger") if name != "linear_cross_entropy"]
    found = collected(names, None, ["bfloat16"], liger=True, jobs=2, quiet=False)
    table = Table(
        "operation",
        "GPU",
        *HEADS,
        title=f"ours / {found['liger']['version']}, bfloat16",
        box=None,
        padding=(0, 1, 0, 0),
    )
    for row in beside(found):
        table.add_row(*row)
    console.print(table)


def tables(found: dict[str, Any]) -> list[Table]:
    """Return the report as tables: ours of each dtype, then Liger-Kernel's if they are in it."""
    intensity = {(row["operation"], row["dtype"]): f"{row['intensity']:.3g}" for row in found["intensity"]}
    dtypes = list(dict.fromkeys(row["dtype"] for row in found["moved"]))
    libraries = {f"minillama, triton {found['triton']}": found}
    if "liger" in found:
        libraries[found["liger"]["version"]] = found["liger"]
    return [
        _table(f"{title}, {dtype}", rows, dtype, intensity)
        for title, rows in libraries.items()
        for dtype in dtypes
    ]


def _table(title: str, found: dict[str, Any], dtype: str, intensity: dict[tuple[str, str], str]) -> Table:
    """Make a table with a line for each operation, what it moves; and one for each kernel, what it takes."""
    from rich.table import Table

    table = Table("kernel", "GPU", title=title, box=None, padding=(0, 1, 0, 0), title_justify="left")
    for head in ("regs", "spill", "KiB", "narrow", "moved", "FLOP/B"):
        table.add_column(head, justify="right")
    for counted in found["moved"]:
        name, moved = counted["operation"], f"{counted['once'] / counted['least']:.2f}"
        if counted["dtype"] != dtype:
            continue
        table.add_row(name, "", "", "", "", "", moved, intensity.get((name, dtype), ""), style="bold")
        for row in found["kernels"]:
            if (row["operation"], row["dtype"]) == (name, dtype):
                table.add_row(
                    f" {row['kernel']}", row["target"], str(row["registers"]), str(row["spilled"]),
                    f"{row['shared'] / 1024:.1f}", "+".join(map(str, row["narrow"])),
                )  # fmt: skip
    return table


def _progress() -> Progress:
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = SpinnerColumn(), TextColumn("{task.completed:>4} {task.description}"), TimeElapsedColumn()
    return Progress(*columns, console=console, transient=True)
