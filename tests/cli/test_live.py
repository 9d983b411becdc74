"""The display of a run: what the steps bring is shown, whatever the console."""

from __future__ import annotations

import io

from rich.console import Console

from minillama.cli.live import RunDisplay
from minillama.training import Step


def shown(terminal: bool, steps: list[Step]) -> str:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=120, color_system=None)
    display = RunDisplay(console, "a run", steps=4)
    with display:
        for step in steps:
            display.update(step)
    return out.getvalue()


STEPS = [
    Step(1, 3.0, 1e-3, 1.0, 64, 0.5, 128.0, mfu=0.25),
    Step(2, 9.0, 1e-3, 7.0, 64, 0.5, 128.0, mfu=0.25, spike="loss", skipped="spike", held_out=2.5),
    Step(3, 3.0, 1e-3, float("inf"), 64, 0.5, 128.0, mfu=0.25, skipped="overflow", sample="Once upon"),
]


def test_plain_lines_tell_loss_speed_peak_and_jumps() -> None:
    lines = shown(False, STEPS).splitlines()
    assert len(lines) == 3
    assert "loss 3.000" in lines[0]
    assert "jumps" not in lines[0]
    assert "loss 2.500" in lines[1], "a held-out loss takes the place of the batches'"
    assert lines[2].startswith("step     3 of 4")
    assert "128 tokens/s, 25% of peak" in lines[2]
    assert "jumps 1, skipped 2" in lines[2]


def test_the_panel_has_the_sample() -> None:
    panel = shown(True, STEPS)
    assert "step 3 of 4" in panel
    assert "Once upon" in panel
