"""Figures of GPUs as Markdown: the tables of `docs/gpu.md`, which `minillama bench gpu` prints too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from ..kernels.gpu_figures import CONTESTANTS, GpuFigures, load
from .markers import between
from .notebooks import ROOT

BEGIN, END = "<!-- begin: the figures -->\n", "<!-- end -->\n"
NONE = (
    "**Nobody has measured on a GPU yet**: `docs/data/gpu/` holds no file, and so there is no figure here.\n"
)


def gpu_page() -> str:
    """Return `docs/gpu.md` with what `docs/data/gpu` holds."""
    docs = ROOT / "docs"
    return with_figures((docs / "gpu.md").read_text(encoding="utf-8"), load(docs / "data" / "gpu"))


def with_figures(page: str, figures: Sequence[GpuFigures]) -> str:
    """Return the page's text with the tables of all GPUs between its two markers, or with the plain truth.

    Raises
    ------
    ValueError
        If a marker is missing.

    Examples
    --------
    >>> "Nobody has measured" in with_figures(BEGIN + END, [])
    True
    """
    parts = [f"### {one.device}\n\n{tables(one)}" for one in figures] or [NONE]
    return between(page, BEGIN, END, "\n" + "\n".join(parts) + "\n")


def tables(figures: GpuFigures) -> str:
    """Return what was measured on one device: how, steps of training, operations, who is absent."""
    training, cfg = figures.training, figures.training.model
    versions = ", ".join(f"{name} {number}" for name, number in figures.versions.items())
    lines = [
        f"Commit `{figures.commit[:12]}`, seed {figures.seed}, {figures.dtype}, kernels of"
        f" `{figures.backend}`; {versions}. Measured: {_short(figures.peak_flops / 1e12)} TFLOP/s in"
        f" products, {figures.bandwidth / 1e9:,.0f} GB/s; {figures.memory_bytes / 2**30:.0f} GiB of memory.",
        "",
        f"Training {cfg.n_params() / 1e6:,.1f} million parameters on {training.batch} x {training.seq_len:,}"
        " tokens a step; medians of five runs, in brackets the fastest and the slowest:",
        "",
        "| | ms a step | tokens/s | MFU, measured peak | MFU, data sheet | peak memory, GiB | last loss |",
        "|---|---|---|---|---|---|---|",
    ]
    for who in _in_order(training.steps):
        step = training.steps[who]
        sheet = "-" if figures.sheet is None else f"{figures.mfu(who, figures.sheet.peak):.1%}"
        memory = "-" if step.peak_bytes is None else f"{step.peak_bytes / 2**30:.2f}"
        lines.append(
            f"| {who} | {_spread(step.seconds, 1e3)} | {training.tokens_per_second(who):,.0f}"
            f" | {figures.mfu(who):.1%} | {sheet} | {memory} | {step.losses[-1]:.4f} |"
        )
    lines += [
        "",
        "Operations: microseconds a call, and the share of the measured roof by the least that must be moved"
        " and computed. Where memory is the limit, that is the share of the bandwidth:",
        "",
        f"| | {' | '.join(CONTESTANTS)} |",
        f"|---|{'---|' * len(CONTESTANTS)}",
    ]
    for operation in figures.operations:
        cells = [
            f"{_spread(operation.seconds[who], 1e6)}, {figures.roof_share(operation, who):.0%}"
            if who in operation.seconds
            else "-"
            for who in CONTESTANTS
        ]
        lines.append(f"| `{operation.name}` | {' | '.join(cells)} |")
    if figures.absent:
        lines += ["", "Absent:", ""]
        lines += [f"- {who}: {why}" for who, why in figures.absent.items()]
    return "\n".join(lines) + "\n"


def _in_order(steps: Mapping[str, object]) -> list[str]:
    return [who for who in CONTESTANTS if who in steps]


def _spread(seconds: list[float], times: float) -> str:
    low, middle, high = (_short(times * x) for x in (min(seconds), median(seconds), max(seconds)))
    return f"{middle} [{low}..{high}]"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
