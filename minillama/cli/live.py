"""The live display of a training run: one panel on a terminal, plain lines elsewhere.

step 640 of 1600  ━━━━━━━━━━━──────────────── 0:38 left
loss 0.213  floor 0.165  gap 0.048 nats/token   valid 62 %   24,100 tokens/s
▇▆▅▄▃▃▂▂▂▁▁▁▁▁
"There once was a ...
"""

from __future__ import annotations

import math
import time
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ..training import Step

BLOCKS = "▁▂▃▄▅▆▇█"
SMOOTHING = 0.95  # weight of the past in the running mean of the loss
LINES = 20  # plain lines printed over a whole run where there is no terminal


class RunDisplay:
    """Show a run of `steps` steps; use it as a context and call `update` after each step.

    Parameters
    ----------
    console : Console
    title : str
    steps : int
        In the whole run.
    quiet : bool
        Show nothing.

    Attributes
    ----------
    held_out, floor, valid, sample : float, float, float, str
        Set them when they are known, or let the steps bring them; None hides them. A held-out loss is shown
        instead of the batches'.
    """

    def __init__(self, console: Console, title: str, steps: int, quiet: bool = False) -> None:
        self.console = console
        self.title = title
        self.steps = steps
        self.quiet = quiet
        self.floor: float | None = None
        self.held_out: float | None = None
        self.valid: float | None = None
        self.sample: str | None = None
        self._losses: list[float] = []
        self._mean: float | None = None
        self._last: Step | None = None
        self._busy = 0.0  # seconds of training in this process
        self._tokens = 0
        self._done_here = 0
        self._jumps = 0  # of loss or gradient
        self._skipped = 0  # steps without an update
        self._live = Live(console=console, refresh_per_second=4, transient=False, get_renderable=self.render)

    def __enter__(self) -> RunDisplay:
        self._begun = time.monotonic()
        if self.console.is_terminal and not self.quiet:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None
    ) -> None:
        if self._live.is_started:
            self._live.stop()

    @property
    def tokens_per_second(self) -> float:
        """Tokens trained on in this process, over the time their steps took."""
        return self._tokens / self._busy if self._busy else 0.0

    def update(self, done: Step) -> None:
        """Take in one step."""
        self._last = done
        self._tokens += done.tokens
        self._busy += done.seconds
        self._done_here += 1
        self._mean = done.loss if self._mean is None else SMOOTHING * self._mean + (1 - SMOOTHING) * done.loss
        self._losses.append(self._mean)
        self._jumps += done.spike is not None
        self._skipped += done.skipped is not None
        self.held_out = self.held_out if done.held_out is None else done.held_out
        self.sample = self.sample if done.sample is None else done.sample
        plain = not (self.console.is_terminal or self.quiet)
        if plain and done.step % max(1, self.steps // LINES) == 0:
            self.console.print(
                Text(f"step {done.step:>5} of {self.steps}   ") + self._figures(), soft_wrap=True
            )

    def render(self) -> RenderableType:
        """Return the panel as it stands."""
        step = self._last.step if self._last else 0
        line = Table.grid(padding=(0, 2))
        bar = ProgressBar(total=self.steps, completed=step, width=32)
        line.add_row(Text(f"step {step} of {self.steps}"), bar, Text(self._time_left()))
        parts: list[RenderableType] = [line, self._figures(), Text(self._sparkline(), style="cyan")]
        if self.sample:
            parts.append(Text(f"“{self.sample}”", style="italic"))
        return Panel(Group(*parts), title=self.title, width=min(88, self.console.width))

    def _figures(self) -> Text:
        """Return loss, floor, gap, validity and speed as one line."""
        loss = self._mean if self.held_out is None else self.held_out
        text = Text("loss ")
        text.append("..." if loss is None else f"{loss:.3f}", style="bold")
        if self.floor is not None and loss is not None:
            text.append(f"  floor {self.floor:.3f}  gap ")
            text.append(
                f"{loss - self.floor:.3f}", style="bold green" if loss - self.floor < 0.03 else "bold"
            )
        text.append(" nats/token")
        if self.valid is not None:
            text.append(f"   valid {self.valid:.0%}")
        if self._busy:
            text.append(f"   {self.tokens_per_second:,.0f} tokens/s")
        if self._last is not None and self._last.mfu is not None:
            text.append(f", {self._last.mfu:.0%} of peak")
        if self._jumps or self._skipped:
            text.append(f"   jumps {self._jumps}, skipped {self._skipped}", style="yellow")
        return text

    def _time_left(self) -> str:
        if self._last is None or self._done_here == 0:
            return ""
        per_step = (time.monotonic() - self._begun) / self._done_here
        minutes, seconds = divmod(int(per_step * (self.steps - self._last.step)), 60)
        return f"{minutes}:{seconds:02d} left"

    def _sparkline(self, width: int = 60) -> str:
        """Draw the loss so far, on a logarithmic scale down to the floor."""
        if len(self._losses) < 2:
            return ""
        every = math.ceil(len(self._losses) / width)
        logs = [math.log(max(loss - 0.9 * (self.floor or 0.0), 1e-3)) for loss in self._losses[::every]]
        low, high = min(logs), max(logs)
        return "".join(BLOCKS[round((x - low) / (high - low or 1.0) * (len(BLOCKS) - 1))] for x in logs)
