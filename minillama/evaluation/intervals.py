"""How much of a score is luck: the interval of a mean.

A benchmark is a sample. Ask n questions of a model that is right with probability p: its score is p give or
take ``sqrt(p (1 - p) / n)``, one and a half points for a thousand questions.

References
----------
Efron and Tibshirani 1993, *An introduction to the bootstrap*, chapter 13 (percentile intervals). Wilson 1927,
*Probable inference, the law of succession, and statistical inference* (the interval of a share).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from jaxtyping import Float64


@dataclass(frozen=True)
class Interval:
    """An estimate and the range that its luck allows.

    Examples
    --------
    >>> print(Interval(0.5, 0.4, 0.6))
    0.500 [0.400, 0.600]
    """

    estimate: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.estimate:.3f} [{self.low:.3f}, {self.high:.3f}]"


def bootstrap(
    values: Sequence[float] | np.ndarray, samples: int = 10_000, level: float = 0.95, seed: int = 0
) -> Interval:
    """Return the mean of values with its bootstrap percentile interval.

    Draw as many questions as there are, with replacement, take the mean, repeat: the spread of these means is
    taken for the spread that other questions would have brought. Where all values are equal there is none:
    for a share near 0 or 1 take `share_interval`.

    Parameters
    ----------
    values : sequence of float, length n
        One a question: 1 for right and 0 for wrong, or a difference of two models, or nats.
    samples : int
        Repetitions.
    level : float
        Share of the repeated means inside the interval.
    seed : int

    Raises
    ------
    ValueError
        If there are no values, or level is not between 0 and 1.

    Examples
    --------
    >>> print(bootstrap([1] * 70 + [0] * 30))
    0.700 [0.610, 0.790]
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or len(values) == 0:
        raise ValueError(f"values have shape {values.shape}: expected one axis and at least one value")
    _check_level(level)
    means = resampled_means(values, samples, np.random.default_rng(seed))
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(values.mean()), float(low), float(high))


def resampled_means(
    values: Float64[np.ndarray, " n"], samples: int, rng: np.random.Generator
) -> Float64[np.ndarray, " samples"]:
    """Return the means of `samples` draws with replacement, each as large as `values`.

    Equal values are counted, not drawn one by one, so that right-or-wrong answers cost two numbers a draw.
    """
    kinds, counts = np.unique(values, return_counts=True)
    if len(kinds) > len(values) // 2:  # hardly any are equal: draw positions, a bounded block at a time
        block = max(1, 2**22 // len(values))
        return np.concatenate(
            [
                values[rng.integers(0, len(values), (min(block, samples - done), len(values)))].mean(axis=1)
                for done in range(0, samples, block)
            ]
        )
    return rng.multinomial(len(values), counts / len(values), samples) @ kinds / len(values)


def share_interval(share: float, n: int, level: float = 0.95) -> Interval:
    """Return Wilson's interval of a share of n questions: for scores of which only the mean is published.

    Examples
    --------
    >>> print(share_interval(0.7, 100))
    0.700 [0.604, 0.781]
    """
    if n < 1 or not 0 <= share <= 1:
        raise ValueError(f"share is {share} of {n}: expected 0 to 1, of at least one question")
    _check_level(level)
    z = NormalDist().inv_cdf((1 + level) / 2)
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return Interval(share, max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half)))


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise ValueError(f"level is {level}: expected a number between 0 and 1, such as 0.95")
