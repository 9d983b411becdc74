"""`minillama plan`: what a training run would take, before anybody pays for it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .console import console
from .errors import UserError
from .quantities import BINARY, format_count, parse_count

if TYPE_CHECKING:
    from ..accounting import Fit, Plan, Rejected
    from ..config import LlamaConfig

BAR = 30  # characters for a GPU's whole memory
PACKAGE_LOGITS = 2**24  # as minillama.kernels.eager.LOGITS_AT_ONCE, not imported: it would bring torch along


def _list_devices(asked: bool) -> bool:
    if asked:
        from ..accounting import DEVICES

        for device in DEVICES.values():
            console.print(
                f"{device.name:<15} {device.memory / 1e9:4.0f} GB {device.peak_flops / 1e12:7.1f} TFLOP/s"
                f" {device.watts:5.0f} W   MFU {device.mfu:.1%}: {device.mfu_source}",
                highlight=False,
                soft_wrap=True,
            )
        raise typer.Exit
    return asked


def plan(
    model: Annotated[str, typer.Option(help="A published model, or the path of a checkpoint or its config.")],
    gpus: Annotated[int, typer.Option(min=1, help="GPUs in all.")],
    tokens: Annotated[str, typer.Option(help="To train on: 1.4T, 300B, ...")],
    device: Annotated[str, typer.Option(help="The GPU; --devices lists them.")] = "a100-80gb",
    devices: Annotated[
        bool, typer.Option("--devices", callback=_list_devices, is_eager=True, help="List the GPUs known.")
    ] = False,
    batch: Annotated[str, typer.Option(help="Tokens in a step; K and M are powers of two here.")] = "4M",
    seq_len: Annotated[
        int | None, typer.Option(min=1, help="Tokens in a sequence. Default: the model's, at most 8192.")
    ] = None,
    mfu: Annotated[
        float | None, typer.Option(help="Utilisation, as 0.4. Default: what a published run reached.")
    ] = None,
    tokens_per_second: Annotated[float | None, typer.Option(help="Of one GPU, in place of --mfu.")] = None,
    watts: Annotated[float | None, typer.Option(help="Of one GPU. Default: its data sheet's.")] = None,
    pue: Annotated[float, typer.Option(help="What the building draws over what the GPUs draw.")] = 1.1,
    intensity: Annotated[float, typer.Option(help="The grid's tonnes of CO2 equivalent a MWh.")] = 0.385,
    headroom: Annotated[float, typer.Option(help="Share of the memory to leave free.")] = 0.1,
    chunked_loss: Annotated[
        bool, typer.Option("--chunked-loss", help="The loss never holds all logits, as minillama's own.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON instead of text.")] = False,
) -> None:
    """Plan a training run: memory of each GPU by part, layout, days, energy, carbon."""
    from ..accounting import Device, plan_training

    cfg = _config(model)
    known = Device.named(device)
    found = plan_training(
        cfg,
        gpus,
        known,
        parse_count("--tokens", tokens),
        seq_len=seq_len,
        batch_tokens=parse_count("--batch", batch, BINARY),
        mfu=mfu,
        tokens_per_second=tokens_per_second,
        watts=watts,
        pue=pue,
        tonnes_per_mwh=intensity,
        headroom=headroom,
        logits_at_once=PACKAGE_LOGITS if chunked_loss else None,
    )
    factors = {"watts": known.watts if watts is None else watts, "pue": pue, "tonnes_per_mwh": intensity}
    if as_json:
        typer.echo(json.dumps(_told(model, found, factors)))
    else:
        _show(model, found, factors)


def _config(model: str) -> LlamaConfig:
    """Return a published model's shape, or that of a checkpoint or its configuration on disk."""
    from ..config import LlamaConfig

    path = Path(model)
    if model in LlamaConfig.names() or not path.exists():
        return LlamaConfig.named(model)
    if path.suffix == ".json":
        return _read_shape(path)
    from ..checkpoints.formats import open_source

    with open_source(path) as source:
        return source.cfg


def _read_shape(path: Path) -> LlamaConfig:
    """Read a configuration in our spelling or in Hugging Face's."""
    from ..checkpoints.hf_config import read_config
    from ..checkpoints.source import read_json
    from ..config import LlamaConfig

    table = read_json(path)
    if "model_type" in table:
        return read_config(path, table)
    try:
        return LlamaConfig.from_dict(table)
    except ValueError as error:
        raise UserError(f"{path}: {error}") from None


def _told(model: str, found: Plan, factors: dict[str, float]) -> dict[str, Any]:
    """Return the plan for JSON: bytes, seconds, hours, tonnes."""
    layout = asdict(found.fit.layout) | {"micro_batch": found.fit.micro_batch, "passes": found.passes}
    memory = found.fit.memory
    return {
        "model": model,
        "n_params": found.cfg.n_params(),
        "gpus": found.gpus,
        "device": found.device.name,
        "tokens": found.tokens,
        "seq_len": found.seq_len,
        "sequences": found.sequences,
        "steps": found.steps,
        "layout": layout,
        "memory": asdict(memory) | {"total": memory.total, "capacity": found.capacity},
        "rejected": [asdict(one.layout) | {"reason": one.reason} for one in found.fit.rejected],
        "mfu": found.mfu,
        "mfu_6n": found.mfu_6n,
        "assumption": found.assumption,
        "tokens_per_second": found.tokens_per_second,
        "days": found.days,
        **factors,
        **asdict(found.footprint),
    }


def _show(model: str, found: Plan, factors: dict[str, float]) -> None:
    """Print the plan as a page."""

    def say(head: str, text: str, style: str = "") -> None:
        console.print(f"{head:<10}", style="bold", end="")
        console.print(text, style=style, highlight=False, markup=False, soft_wrap=True)

    fit, memory, used = found.fit, found.fit.memory, found.footprint
    step = format_count(found.sequences * found.seq_len)
    say("Run", f"{model}, {found.cfg.n_params():,} parameters, on {format_count(found.tokens)} tokens")
    say("", f"{found.steps:,} steps of {found.sequences:,} sequences of {found.seq_len:,} ({step} tokens)")
    say("Layout", str(fit.layout))
    passes = "1 pass" if found.passes == 1 else f"{found.passes:,} passes"
    say("", f"each replica takes {fit.micro_batch:,} at once, {passes} a step")
    for one in _telling(fit):
        say("", f"not {one.layout}: {one.reason}", style="dim")
    say("Memory", f"of each {found.device.name}; {found.capacity / 1e9:.1f} GB may be filled")
    for part, size in asdict(memory).items():
        bar = "█" * round(BAR * size / found.device.memory)
        say("", f"{part:<12}{size / 1e9:8.1f} GB  {bar}".rstrip())
    say("", f"{'total':<12}{memory.total / 1e9:8.1f} GB")
    speed = found.tokens_per_second
    say("Time", f"{found.days:.1f} days at {speed:,.0f} tokens/s on each of {found.gpus:,} GPUs")
    say("", f"MFU {found.mfu:.1%}, {found.mfu_6n:.1%} if only 6N counts: {found.assumption}")
    draw = f"{factors['watts']:g} W x PUE {factors['pue']:g}"
    say("Energy", f"{used.gpu_hours:,.0f} GPU-hours x {draw} = {_three(used.mwh)} MWh")
    say("Carbon", f"x {factors['tonnes_per_mwh']:g} t/MWh = {_three(used.tonnes)} t CO2 equivalent")


def _telling(fit: Fit) -> list[Rejected]:
    """Pick from the layouts that do not do: the nearest of each group of GPUs, all of the last group."""
    nearest: dict[object, Rejected] = {}
    for one in fit.rejected:
        group = one.layout.tensor, one.layout.recompute
        nearest[one.layout if group == (fit.layout.tensor, fit.layout.recompute) else group] = one
    told: dict[str, Rejected] = {}
    for one in nearest.values():
        told.setdefault(one.reason, one)  # what cannot be cannot be by recomputing either
    return list(told.values())


def _three(number: float) -> str:
    """Write three digits, or all before the point."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"
