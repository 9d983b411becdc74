"""How often each source is read: weights, epochs, and the order in which documents are drawn.

A mixture gives every source a share of the *tokens*. Its epochs follow from that: a source of N tokens that
shall fill the share w of a budget of T tokens is read w T / N times. Documents are drawn one by one: first
the source, with a probability in proportion to its share over its mean length, then the next document of
that source's present epoch. Each epoch is a shuffle of its own, so no document comes a third time before
every other has come twice.

Reference: H. Touvron and others (2023), *LLaMA*, arXiv 2302.13971, section 2.1 and table 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float64, Int64

_AT_ONCE = 4096  # sources chosen at a time

Shares = Sequence[float] | Float64[np.ndarray, " N"]


def epochs(
    shares: Shares, sizes: Sequence[int] | Int64[np.ndarray, " N"], budget: int
) -> Float64[np.ndarray, " N"]:
    """Return how many times each source is read, w T / N.

    Parameters
    ----------
    shares : sequence of N floats
        In any unit: they are divided by their sum.
    sizes : sequence of N ints
        Tokens in each source.
    budget : int
        Tokens to train on.

    Examples
    --------
    >>> epochs([67, 33], [500, 660], budget=1000).tolist()
    [1.34, 0.5]
    """
    return _shares(shares) * budget / np.asarray(sizes)


def draw(
    lengths: Sequence[Int64[np.ndarray, ...]], shares: Shares, budget: int, seed: int
) -> Iterator[tuple[int, int]]:
    """Draw documents until their tokens reach the budget, each as (source, number within the source).

    Parameters
    ----------
    lengths : one int64 array for each of N sources
        Tokens of each of its documents.
    shares : sequence of N floats
        Of the tokens, in any unit.
    budget : int
        Tokens.
    seed : int

    Raises
    ------
    ValueError
        If a source with a share has no tokens.

    Examples
    --------
    >>> lengths = [np.full(3, 10), np.full(50, 10)]
    >>> drawn = list(draw(lengths, [3, 1], budget=200, seed=0))
    >>> times = [drawn.count((0, document)) for document in range(3)]
    >>> len(drawn), max(times) - min(times) <= 1
    (20, True)
    """
    probabilities = _shares(shares) / _means(lengths, shares)
    probabilities /= probabilities.sum()
    rng = np.random.default_rng((seed, len(lengths)))
    orders = [_passes(len(of_source), (seed, source)) for source, of_source in enumerate(lengths)]
    total = 0
    while total < budget:
        for source in rng.choice(len(lengths), size=_AT_ONCE, p=probabilities).tolist():
            document = next(orders[source])
            yield source, document
            total += int(lengths[source][document])
            if total >= budget:
                return


def share_errors(
    lengths: Sequence[Int64[np.ndarray, ...]], shares: Shares, budget: int
) -> Float64[np.ndarray, " N"]:
    """Return the standard deviation of each source's share of the tokens that `draw` draws.

    With n = T / m draws of mean length m, the share of source s has the variance
    E[(L 1_s - w_s L)^2] / (n m^2), L being the length of a draw (the delta method for a ratio). Drawing
    without replacement within an epoch makes it a little smaller than this.

    Examples
    --------
    >>> share_errors([np.full(9, 10), np.full(9, 10)], [1, 1], budget=1000).round(3).tolist()
    [0.05, 0.05]
    """
    w = _shares(shares)
    probabilities = w / _means(lengths, shares)
    probabilities /= probabilities.sum()
    used = [p > 0 for p in probabilities]
    squares = np.array(
        [np.mean(of.astype(float) ** 2) if use else 0.0 for of, use in zip(lengths, used, strict=True)]
    )
    means = np.where(used, _means(lengths, shares), 0.0)
    mean = float(probabilities @ means)
    own = probabilities * squares * (1 - w) ** 2
    others = (probabilities @ squares - probabilities * squares) * w**2
    return np.sqrt((own + others) / (budget / mean) / mean**2)


def _shares(shares: Shares) -> Float64[np.ndarray, " N"]:
    """Divide shares by their sum."""
    w = np.asarray(shares, dtype=float)
    if not (np.isfinite(w).all() and (w >= 0).all() and w.sum() > 0):
        raise ValueError(
            f"shares are {list(shares)}: expected finite numbers of at least 0, and one above it"
        )
    return w / w.sum()


def _means(lengths: Sequence[Int64[np.ndarray, ...]], shares: Shares) -> Float64[np.ndarray, " N"]:
    """Return the mean length of each source's documents; 1 where no share is asked of it."""
    for source, (of_source, share) in enumerate(zip(lengths, shares, strict=True)):
        if share > 0 and int(np.sum(of_source)) == 0:
            raise ValueError(f"source {source} shall fill a share of {share:g} and holds no tokens")
    return np.array([np.mean(of) if share > 0 else 1.0 for of, share in zip(lengths, shares, strict=True)])


def _passes(n: int, seed: tuple[int, int]) -> Iterator[int]:
    """Go through 0 .. n - 1 again and again, each time in another order."""
    epoch = 0
    while True:
        yield from np.random.default_rng((*seed, epoch)).permutation(n).tolist()
        epoch += 1
