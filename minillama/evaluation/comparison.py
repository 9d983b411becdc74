"""Two models on the same questions: which is better, and how many questions it takes to know.

    wins    questions that A gets right and B wrong        difference = (wins - losses) / n
    losses  questions that B gets right and A wrong        variance = about (wins + losses) / n**2

Both models find the hard questions hard; what they have in common cancels in the difference. So two models
can be told apart on the same questions long before the intervals of their scores part.

References
----------
McNemar 1947, *Note on the sampling error of the difference between correlated proportions*; the exact form of
his test is the sign test on wins and losses. Miller 2024, *Adding error bars to evals*, arXiv 2411.00640.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from .intervals import Interval, bootstrap


@dataclass(frozen=True)
class Comparison:
    """Two models on the same questions.

    Parameters
    ----------
    difference : Interval
        Score of A minus score of B.
    wins, losses : int
        Questions on which A, and on which B, did better alone.
    p_value : float
        How often luck alone would part wins and losses so far or further, were the two equal.
    """

    difference: Interval
    wins: int
    losses: int
    p_value: float


def compare_paired(
    a: Sequence[float] | np.ndarray,
    b: Sequence[float] | np.ndarray,
    samples: int = 10_000,
    level: float = 0.95,
    seed: int = 0,
) -> Comparison:
    """Compare two models by their values on the same questions, in the same order.

    Raises
    ------
    ValueError
        If the two have different numbers of values, or none.

    Examples
    --------
    >>> found = compare_paired([1] * 80 + [0] * 20, [1] * 70 + [0] * 30)
    >>> print(found.difference, found.wins, found.losses, found.p_value)
    0.100 [0.050, 0.160] 10 0 0.001953125
    """
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if a.shape != b.shape:
        raise ValueError(f"one model has {a.shape} values, the other {b.shape}: expected the same questions")
    wins, losses = int((a > b).sum()), int((a < b).sum())
    return Comparison(bootstrap(a - b, samples, level, seed), wins, losses, sign_test(wins, losses))


def sign_test(wins: int, losses: int) -> float:
    """Return the two-sided p-value of the exact sign test: fair coins, wins + losses of them.

    Examples
    --------
    >>> sign_test(5, 0), sign_test(3, 3)
    (0.0625, 1.0)
    """
    n = wins + losses
    tail = ways = 1  # of the 2**n outcomes, those with k coins on the rarer side: n over k
    for k in range(min(wins, losses)):
        ways = ways * (n - k) // (k + 1)
        tail += ways
    return min(1.0, 2 * tail / 2**n)


def questions_needed(
    difference: float, disagreement: float | None = None, share: float = 0.5, power: float = 0.8
) -> int:
    """Return how many questions show a difference between two models, at 5 % error.

    Parameters
    ----------
    difference : float
        Of the two scores, such as 0.01 for one point.
    disagreement : float, optional
        Share of the questions on which just one of the two is right. Without it: two models on different
        questions, each right on about `share` of them.
    share : float
        Used only without `disagreement`.
    power : float
        How often the difference is to be found.

    Raises
    ------
    ValueError
        If the difference is not positive, or greater than the disagreement.

    Examples
    --------
    >>> questions_needed(0.01, share=0.7), questions_needed(0.01, disagreement=0.1)
    (32966, 7842)
    """
    variance = 2 * share * (1 - share) if disagreement is None else disagreement - difference**2
    if not 0 < difference <= (1 if disagreement is None else disagreement):
        raise ValueError(f"difference is {difference}: expected more than 0, and at most the disagreement")
    z = NormalDist().inv_cdf(0.975) + NormalDist().inv_cdf(power)
    return math.ceil(z * z * variance / difference**2)
