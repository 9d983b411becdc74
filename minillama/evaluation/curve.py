"""The picture of a run: its loss against the exact floor, and the gap on a logarithmic scale."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np


def draw_curve(
    losses: Sequence[float], readings: Sequence[tuple[int, float]], floor: float | None, path: str | Path
) -> None:
    """Write a PNG with the training loss, the held-out loss and the floor by step.

    Parameters
    ----------
    losses : sequence of float
        Training loss of every step, nats per token.
    readings : sequence of (int, float)
        (step, held-out loss) pairs, nats per token.
    floor : float, optional
        Nats per token that no model can beat, where it is known.
    path : path
        Of the PNG file.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.8), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = (figure.subplots(), None) if floor is None else figure.subplots(1, 2)
    step = np.arange(1, len(losses) + 1)
    at = np.array([s for s, _ in readings])
    held_out = np.array([loss for _, loss in readings])
    left.plot(step, losses, color="0.75", linewidth=0.8, label="training batches")
    left.plot(at, held_out, "o-", color="#3b6fb6", markersize=3.5, label="held-out text")
    left.set(xlabel="step", ylabel="loss, nats per token", ylim=(0, None))
    if floor is not None and right is not None:
        left.axhline(floor, color="#c8553d", linestyle="--", label=f"floor, {floor:.3f}")
        left.set_ylim(0, min(max(losses), 10 * floor))
        right.semilogy(at, np.maximum(held_out - floor, 1e-4), "o-", color="#3b6fb6", markersize=3.5)
        right.set(xlabel="step", ylabel="gap to the floor, nats per token")
    left.legend(frameon=False)
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)
