"""The log of a run: one line of JSON for each step, ``log.jsonl`` beside the checkpoint."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..checkpoints.atomic import write_atomically

FILE = "log.jsonl"


@dataclass(frozen=True)
class Step:
    """What one step did.

    Parameters
    ----------
    step : int
        Steps done so far, this one included.
    loss : float
        Mean nats per target of the batch, before the update; without the z-loss.
    lr : float
        Learning rate used.
    grad_norm : float
        Norm of the gradient before clipping.
    tokens : int
        Targets in the batch.
    seconds : float
        Wall-clock time of the step.
    tokens_per_second : float
        Positions of the batch, padding included, over that time.
    mfu : float, optional
        Share of the peak that the matrix products made of it, by `minillama.accounting.flops_per_token`.
    z_loss : float, optional
        Mean of the z-loss per target.
    loss_scale : float, optional
        Factor of the loss in float16.
    spike : str, optional
        ``"loss"`` or ``"grad_norm"``, whichever jumped.
    skipped : str, optional
        Why the weights were left as they were: ``"overflow"`` or ``"spike"``.
    held_out : float, optional
        Mean nats per target of the held-out rows, after the update, where it was read.
    sample : str, optional
        A text that the model wrote, where it was asked for one.
    """

    step: int
    loss: float
    lr: float
    grad_norm: float
    tokens: int
    seconds: float
    tokens_per_second: float
    mfu: float | None = None
    z_loss: float | None = None
    loss_scale: float | None = None
    spike: str | None = None
    skipped: str | None = None
    held_out: float | None = None
    sample: str | None = None

    def to_json(self) -> str:
        """Return one line: fields that do not apply are left out, and so is a norm that overflowed."""
        values = dataclasses.asdict(self)
        return json.dumps(
            {name: value for name, value in values.items() if value is not None and _is_number_or_text(value)}
        )


def _is_number_or_text(value: object) -> bool:
    return not isinstance(value, float) or math.isfinite(value)


def append(run_dir: Path, step: Step) -> None:
    """Add a line to the log in `run_dir`."""
    run_dir.mkdir(parents=True, exist_ok=True)
    with (run_dir / FILE).open("a", encoding="utf-8") as log:
        log.write(step.to_json() + "\n")


def read(run_dir: str | Path) -> list[dict[str, Any]]:
    """Return the whole lines of the log in `run_dir`, in their order; none if there is no log.

    A line that a crash cut short, or that is not a step, is passed over.
    """
    path = Path(run_dir) / FILE
    if not path.exists():
        return []
    lines = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            values = json.loads(line)
        except ValueError:
            continue
        if isinstance(values, dict) and isinstance(values.get("step"), int):
            lines.append(values)
    return lines


def shorten(run_dir: Path, steps: int) -> None:
    """Drop the lines after `steps`: a run that goes on from a checkpoint does those steps again."""
    kept = [line for line in read(run_dir) if line["step"] <= steps]
    write_atomically(run_dir / FILE, "".join(json.dumps(line) + "\n" for line in kept).encode())
