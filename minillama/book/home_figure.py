"""The picture on the first page: a tour's training loss coming down to the floor.

    python -m minillama.book.home_figure runs/tour

draws it from the run's log.jsonl and result.json. For the site it is SVG within docs/index.md, between two
markers, so that it takes its colours from the page's light or dark scheme; for the README it is a PNG.
"""

from __future__ import annotations

import io
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from .cells import write_whole
from .markers import between
from .notebooks import ROOT
from .plotting import COLORS, use_style

BEGIN, END = "<!-- curve: begin -->\n", "<!-- curve: end -->\n"
WIDTH, HEIGHT = 870, 300  # units of the SVG, about pixels on a wide screen
LEFT, RIGHT, TOP, BOTTOM = 46, 850, 14, 262  # where the axes lie
LOWEST, HIGHEST = 0.15, 8.0  # nats per token
STEPS_SHOWN, LOSSES_SHOWN = (1, 10, 100, 800), (0.2, 0.5, 1, 2, 5)


def curve(losses: Sequence[float], floor: float, validity: float, seconds: float) -> str:
    """Return the figure as HTML, both axes logarithmic; the run used one thread.

    Parameters
    ----------
    losses : sequence of float
        Training loss of steps 1, 2, ..., in nats per token.
    floor : float
        In nats per token.
    validity : float
        Share of samples that parse, 0 to 1.
    seconds : float
        Time of training.
    """
    steps = len(losses)

    def x(step: float) -> float:
        return LEFT + (RIGHT - LEFT) * math.log(step) / math.log(steps)

    def y(loss: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * math.log(loss / LOWEST) / math.log(HIGHEST / LOWEST)

    points = " ".join(f"{x(i):.1f},{y(loss):.1f}" for i, loss in enumerate(losses, 1))
    lines = [
        f'<line class="axis" x1="{LEFT}" x2="{RIGHT}" y1="{y(t):.1f}" y2="{y(t):.1f}"/>' for t in LOSSES_SHOWN
    ]
    ticks = [f'<text x="{LEFT - 8}" y="{y(t) + 4:.1f}" text-anchor="end">{t}</text>' for t in LOSSES_SHOWN]
    ticks += [f'<text x="{x(t):.1f}" y="{BOTTOM + 18}" text-anchor="middle">{t}</text>' for t in STEPS_SHOWN]
    parts = [
        *lines,
        *ticks,
        f'<polyline class="loss" points="{points}"/>',
        f'<line class="floor" x1="{LEFT}" x2="{RIGHT}" y1="{y(floor):.1f}" y2="{y(floor):.1f}"/>',
        f'<text x="{RIGHT}" y="{BOTTOM + 36}" text-anchor="end">training step</text>',
        f'<text class="said" x="{x(2.2):.1f}" y="{y(6.9):.1f}">loss, in nats per token</text>',
        f'<text class="said red" x="{LEFT + 6}" y="{y(floor) - 8:.1f}">the floor, {floor:.3f}</text>',
    ]
    alt = (
        f"Training loss over {steps} steps, both axes logarithmic. It falls from {losses[0]:.1f} nats per"
        f" token to the dashed line of the floor at {floor:.3f} and stays there."
    )
    caption = (
        f"<code>make tour</code>: a LLaMA learns to tell stories in {seconds:.0f} seconds on one core. When"
        " its loss rests on the floor there is nothing left to learn, and"
        f" {validity:.0%} of its stories have no mistake."
    )
    return "\n".join(
        [
            '<figure class="curve">',
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{alt}">',
            *parts,
            "</svg>",
            f"<figcaption>{caption}</figcaption>",
            "</figure>\n",
        ]
    )


def picture(losses: Sequence[float], floor: float) -> bytes:
    """Return the same figure as a PNG in the style of the book's figures."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context():
        use_style()
        figure = Figure(figsize=(8.4, 3.2), dpi=200)
        axes = figure.subplots()
        axes.loglog(range(1, len(losses) + 1), losses, color=COLORS["blue"], linewidth=1.3)
        axes.axhline(floor, color=COLORS["red"], linestyle="--")
        axes.text(1.1, floor * 1.08, f"the floor, {floor:.3f}", color=COLORS["red"])
        axes.set(xlim=(1, len(losses)), ylim=(LOWEST, HIGHEST), xlabel="training step")
        axes.set_ylabel("loss, nats per token")
        axes.set_xticks(STEPS_SHOWN, [str(tick) for tick in STEPS_SHOWN])
        axes.set_yticks(LOSSES_SHOWN, [str(tick) for tick in LOSSES_SHOWN])
        axes.minorticks_off()
        out = io.BytesIO()
        FigureCanvasAgg(figure).print_png(out, metadata={"Software": None})
        return out.getvalue()


def main(run: Path, docs: Path = ROOT / "docs") -> None:
    """Draw the run's curve into the first page and beside it."""
    page = docs / "index.md"
    log = [json.loads(line) for line in (run / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    result = json.loads((run / "result.json").read_text(encoding="utf-8"))
    losses = [entry["loss"] for entry in log if "lr" in entry]
    write_whole(docs / "assets" / "tour.png", picture(losses, result["floor"]))
    figure = curve(losses, result["floor"], result["validity"], result["seconds"])
    write_whole(page, between(page.read_text(encoding="utf-8"), BEGIN, END, figure).encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
