"""Fit Chinchilla's law to training runs: the surface, its error bars, and IsoFLOP parabolas.

    fit_scaling_law    E, A, B, alpha, beta by Huber's loss on log L, from many starts
    bootstrap          the same on resampled runs: a list of laws
    interval           what those laws say about any quantity, between two quantiles
    isoflop_vertex     the best size of one budget, by a parabola in log N
    power_law          a straight line in log-log, ``y = c x**p``

The minimiser is in `scaling_descent.py`. Left out: other surfaces, and weights for runs that are known better
than others.

References
----------
Hoffmann et al. 2022, arXiv 2203.15556, section 3 and appendix D; Huber 1964, "Robust estimation of a location
parameter"; Efron 1979, "Bootstrap methods"; Besiroglu et al. 2024, arXiv 2404.10102.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float

from .scaling import Optimum, ScalingLaw
from .scaling_descent import LogRuns

DELTA = 1e-3
"""Where Huber's loss turns from square to straight, in log L: the paper's choice (section 3.3)."""


def fit_scaling_law(
    n_params: Float[np.ndarray, " R"],
    tokens: Float[np.ndarray, " R"],
    losses: Float[np.ndarray, " R"],
    E: float | None = None,
    delta: float = DELTA,
) -> ScalingLaw:
    """Return the law that fits R runs best: least ``sum Huber(log L(N, D) - log loss)``.

    Parameters
    ----------
    n_params, tokens, losses : float arrays, shape (R,)
        N, D and the final loss in nats per token of each run, all above 0. D counts tokens that were seen
        once, and each run's learning rate must have been lowered by its own end.
    E : float, optional
        The irreducible loss where it is known; otherwise it is fitted.
    delta : float
        Errors of log L beyond it count as their size, no longer as their square.

    Raises
    ------
    ValueError
        If there are fewer runs than constants, or values that are not finite and above 0, or N or D never
        varies.

    Examples
    --------
    >>> N, D = (grid.ravel() for grid in np.meshgrid([1e8, 1e9, 1e10], [1e10, 1e11, 1e12]))
    >>> true = ScalingLaw(E=1.7, A=400.0, B=2000.0, alpha=0.35, beta=0.37)
    >>> law = fit_scaling_law(N, D, true.E + true.A / N**true.alpha + true.B / D**true.beta)
    >>> round(law.E, 3), round(law.alpha, 3), round(law.beta, 3)
    (1.7, 0.35, 0.37)
    """
    runs = LogRuns.of(n_params, tokens, losses, delta, E)
    lanes, objective = runs.descend(runs.starts(), np.ones(len(losses)))
    return runs.law(lanes[np.argmin(objective)])


def bootstrap(
    n_params: Float[np.ndarray, " R"],
    tokens: Float[np.ndarray, " R"],
    losses: Float[np.ndarray, " R"],
    n_samples: int = 200,
    seed: int = 0,
    E: float | None = None,
    delta: float = DELTA,
) -> list[ScalingLaw]:
    """Return the laws fitted to `n_samples` resamples of the runs, R runs drawn with replacement each.

    Their spread says how far other runs of the same kind would have moved the fit. It does not say whether
    the law's form is right. Each fit starts from the best lane on all runs and from two worse ones.

    Raises
    ------
    ValueError
        As `fit_scaling_law`, or if `n_samples` is less than 2.
    """
    if n_samples < 2:
        raise ValueError(f"n_samples is {n_samples}: expected at least 2")
    runs = LogRuns.of(n_params, tokens, losses, delta, E)
    lanes, objective = runs.descend(runs.starts(), np.ones(len(losses)))
    ranked = lanes[np.argsort(objective)]
    starts = ranked[[0, len(ranked) // 4, len(ranked) // 2]]
    rng, R = np.random.default_rng(seed), len(losses)
    counts = rng.multinomial(R, np.full(R, 1 / R), size=n_samples).astype(np.float64)  # of each run
    lanes, objective = runs.descend(np.tile(starts, (n_samples, 1)), np.repeat(counts, len(starts), axis=0))
    winners = objective.reshape(n_samples, -1).argmin(axis=1)
    return [runs.law(lane) for lane in lanes.reshape(n_samples, -1, 5)[np.arange(n_samples), winners]]


def interval(
    laws: Sequence[ScalingLaw], quantity: Callable[[ScalingLaw], float], level: float = 0.95
) -> tuple[float, float]:
    """Return the quantiles between which the middle `level` of the laws put a quantity.

    Examples
    --------
    >>> laws = [ScalingLaw(E, 1.0, 1.0, 0.5, 0.5) for E in np.linspace(1, 2, 101)]
    >>> interval(laws, lambda law: law.E, level=0.5)
    (1.25, 1.75)
    """
    if not laws or not 0 < level < 1:
        raise ValueError(f"{len(laws)} laws at level {level}: expected some, and a level between 0 and 1")
    low, high = np.quantile([quantity(law) for law in laws], [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def isoflop_vertex(
    n_params: Float[np.ndarray, " R"], losses: Float[np.ndarray, " R"], flops: float
) -> Optimum:
    """Return the best N of one budget: the lowest point of a parabola through the losses over log N.

    Raises
    ------
    ValueError
        If there are fewer than three sizes, or the parabola has no lowest point: then the sizes lie on one
        side of the optimum, or the differences are noise.

    Examples
    --------
    >>> best = isoflop_vertex(np.array([1e6, 1e7, 1e8]), np.array([3.2, 3.0, 3.2]), flops=6e14)
    >>> round(best.n_params), round(best.tokens)
    (10000000, 10000000)
    """
    if len(np.unique(n_params)) < 3:
        raise ValueError(f"{len(np.unique(n_params))} sizes: a parabola needs at least 3")
    square, slope, _ = np.polyfit(np.log(n_params), losses, 2)
    if square <= 0:
        raise ValueError("the parabola opens downwards: train sizes on both sides of the optimum")
    size = float(np.exp(-slope / (2 * square)))
    return Optimum(size, flops / 6 / size)


def power_law(x: Float[np.ndarray, " R"], y: Float[np.ndarray, " R"]) -> tuple[float, float]:
    """Return c and p of ``y = c x**p`` by least squares in log-log.

    Examples
    --------
    >>> c, p = power_law(np.array([1.0, 10.0, 100.0]), np.array([3.0, 30.0, 300.0]))
    >>> round(c, 6), round(p, 6)
    (3.0, 1.0)
    """
    if len(np.unique(x)) < 2 or min(np.min(x), np.min(y)) <= 0:
        raise ValueError("expected at least two different x, and x and y above 0")
    p, log_c = np.polyfit(np.log(x), np.log(y), 1)
    return float(np.exp(log_c)), float(p)
