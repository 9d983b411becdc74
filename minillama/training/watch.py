"""The watch over a run: it notices when the loss or the gradient jumps.

Large runs meet sudden jumps of the loss that clipping does not prevent and no bug explains. PaLM met some 20,
went back about 100 steps each time and left 200 to 500 batches out; the same batches did no harm to other
weights (arXiv 2204.02311, section 5.1). Here a jump is noticed before the update: it is logged, or the one
batch is skipped. Left out: going back. Where the weights themselves have gone bad, every later batch jumps,
the log shows it, and an earlier checkpoint is the cure.
"""

from __future__ import annotations

import math
import statistics
from collections import deque

WINDOW = 64  # steps that the median is taken over
ENOUGH = 16  # steps before anything is judged
SMALLEST_SPREAD = {"loss": 0.01, "grad_norm": 0.05}  # nats per token; relative: the logarithm is watched
TO_SIGMA = 1.4826  # of a normal distribution, standard deviation over median absolute deviation


class SpikeWatch:
    """Notice a loss or a gradient norm far above those of the steps before.

    Far above means: more than `deviations` times the spread above the median of the last 64 steps, where the
    spread is 1.4826 times the median absolute deviation. Medians, because mean and standard deviation would
    be moved by the very jumps they are to find. Every value enters the memory, jumps too: if the level has
    really changed, half a window later it is the new normal.

    Parameters
    ----------
    deviations : float
        What counts as far.

    Examples
    --------
    >>> watch = SpikeWatch(deviations=10)
    >>> [watch.look(2.0 + 0.02 * (i % 3), 1.0) for i in range(20)][-1]
    >>> watch.look(2.9, 1.0)
    'loss'
    """

    def __init__(self, deviations: float) -> None:
        self.deviations = deviations
        self._seen = {name: deque[float](maxlen=WINDOW) for name in SMALLEST_SPREAD}

    def look(self, loss: float, grad_norm: float) -> str | None:
        """Take in one step; return the name of what has jumped, or None."""
        jumped = None
        for name, value in (("grad_norm", math.log(grad_norm or 1e-30)), ("loss", loss)):
            if self._is_far_above(name, value):
                jumped = name
            self._seen[name].append(value)
        return jumped

    def _is_far_above(self, name: str, value: float) -> bool:
        seen = self._seen[name]
        if len(seen) < ENOUGH:
            return False
        middle = statistics.median(seen)
        spread = TO_SIGMA * statistics.median(abs(past - middle) for past in seen)
        return value > middle + self.deviations * max(spread, SMALLEST_SPREAD[name])

    def memory(self) -> dict[str, list[float]]:
        """Return the values of the last steps, for a checkpoint."""
        return {name: list(seen) for name, seen in self._seen.items()}

    def remember(self, memory: dict[str, list[float]]) -> None:
        """Take back what `memory` returned."""
        for name, seen in self._seen.items():
            seen.clear()
            seen.extend(memory.get(name, ()))
