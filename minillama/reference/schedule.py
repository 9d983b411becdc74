"""The learning rate over a run: linear warm-up, then a cosine down to a tenth of the peak.

References
----------
LLaMA, arXiv 2302.13971, section 2.3 (warm-up of 2,000 steps, cosine to 10 % of the peak);
Loshchilov & Hutter 2017, arXiv 1608.03983.
"""

from __future__ import annotations

import math


def cosine(step: int, steps: int, warmup: int, floor: float = 0.1) -> float:
    """Return the share of the peak learning rate to use at `step`.

    Parameters
    ----------
    step : int
        From 0 to `steps` - 1.
    steps : int
        Length of the run.
    warmup : int
        Steps of linear rise; step `warmup` is the first at the full peak.
    floor : float
        Share of the peak at the end.

    Returns
    -------
    float
        Between 0 and 1.

    Examples
    --------
    >>> [round(cosine(step, steps=11, warmup=2), 3) for step in (0, 1, 2, 6, 10)]
    [0.333, 0.667, 1.0, 0.55, 0.1]
    """
    if step < warmup:
        return (step + 1) / (warmup + 1)
    progress = (step - warmup) / max(1, steps - 1 - warmup)
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
