"""Checks of 16.3: the paired bootstrap."""

from fractions import Fraction

import numpy as np

from minillama.book.exercises import Hole

PAIRED = "Two models, the same questions"
BOOTSTRAP = "The bootstrap"

paired_interval = Hole("paired_interval")

paired_interval.case(
    "three questions, four draws, by hand: the differences are 1/3, 2/3, 0, 2/3",
    (1 / 3, 0.025, 2 / 3),
    a=np.array([1.0, 1.0, 0.0]),
    b=np.array([1.0, 0.0, 0.0]),
    draws=np.array([[0, 1, 2], [1, 1, 2], [0, 0, 2], [1, 0, 1]]),
)
paired_interval.case(
    "two models that are always right together: no luck at all",
    (0.0, 0.0, 0.0),
    a=np.array([1.0, 0.0, 1.0, 0.0]),
    b=np.array([1.0, 0.0, 1.0, 0.0]),
    draws=np.array([[0, 0, 0, 0], [1, 1, 1, 1], [0, 1, 2, 3]]),
)
paired_interval.case(
    "B is better",
    (-0.5, -1.0, 0.0),
    a=np.array([0.0, 1.0]),
    b=np.array([1.0, 1.0]),
    draws=np.array([[0, 0]] * 20 + [[1, 1]] * 20),
)


def one_by_one(a, b, draws):
    """Take every draw on its own, in exact fractions, and find the quantiles between sorted values."""
    n = len(a)
    found = sorted(Fraction(sum(int(a[i]) - int(b[i]) for i in row), n) for row in draws.tolist())

    def quantile(share):
        place = Fraction(share) * (len(found) - 1)
        below = int(place)
        above = min(below + 1, len(found) - 1)
        return float(found[below] + (place - below) * (found[above] - found[below]))

    difference = sum(int(x) - int(y) for x, y in zip(a, b, strict=True)) / n
    return difference, quantile(Fraction(25, 1000)), quantile(Fraction(975, 1000))


@paired_interval.against(one_by_one, "random answers, against exact fractions", seeds=6)
def answers(rng):
    n, samples = int(rng.integers(8, 16)), int(rng.integers(50, 90))
    hard = rng.random(n)
    return {
        "a": (hard < 0.7).astype(float),
        "b": ((hard < 0.5) ^ (rng.random(n) < 0.2)).astype(float),
        "draws": rng.integers(0, n, (samples, n)),
    }


@paired_interval.law("the models exchanged: the interval is mirrored", answers, seeds=3)
def mirrored(paired_interval, a, b, draws):
    difference, low, high = paired_interval(b, a, draws)
    return (-difference, -high, -low), paired_interval(a, b, draws)


@paired_interval.mistake("You took B minus A: the signs are turned.", see=PAIRED)
def turned(a, b, draws):
    means = (b - a)[draws].mean(axis=1)
    return float((b - a).mean()), *map(float, np.quantile(means, [0.025, 0.975]))


@paired_interval.mistake(
    "Only A's questions were drawn again, B's score stood still. The draw is of questions: both models answer"
    " those that were drawn.",
    see=PAIRED,
)
def b_stands_still(a, b, draws):
    means = a[draws].mean(axis=1) - b.mean()
    return float((a - b).mean()), *map(float, np.quantile(means, [0.025, 0.975]))


@paired_interval.mistake(
    "A and B were drawn apart: B got other questions than A (the same rows in another order). Then what makes"
    " a question hard for both does not cancel, and the interval is too wide.",
    see=PAIRED,
)
def unpaired(a, b, draws):
    means = a[draws].mean(axis=1) - b[draws[::-1]].mean(axis=1)
    return float((a - b).mean()), *map(float, np.quantile(means, [0.025, 0.975]))


@paired_interval.mistake(
    "These are the 5 % and 95 % quantiles: between them lie 90 % of the draws. For 95 % leave 2.5 % at either"
    " end.",
    see=BOOTSTRAP,
)
def ninety(a, b, draws):
    means = (a - b)[draws].mean(axis=1)
    return float((a - b).mean()), *map(float, np.quantile(means, [0.05, 0.95]))


@paired_interval.mistake(
    "The first number is the mean over the draws. That is an estimate of the difference on the questions"
    " themselves, which you have exactly.",
    see=BOOTSTRAP,
)
def mean_of_draws(a, b, draws):
    means = (a - b)[draws].mean(axis=1)
    return float(means.mean()), *map(float, np.quantile(means, [0.025, 0.975]))


@paired_interval.mistake(
    "The quantiles are of the single differences, which are -1, 0 or 1. Take the mean of each draw first.",
    see=BOOTSTRAP,
)
def of_single(a, b, draws):
    return float((a - b).mean()), *map(float, np.quantile((a - b)[draws], [0.025, 0.975]))


@paired_interval.mistake(
    "The interval is the difference plus and minus two standard deviations of the draws. The percentile"
    " interval needs no such formula, and need not be symmetric.",
    see=BOOTSTRAP,
)
def two_sigma(a, b, draws):
    means, centre = (a - b)[draws].mean(axis=1), (a - b).mean()
    return float(centre), float(centre - 1.96 * means.std()), float(centre + 1.96 * means.std())


@paired_interval.mistake(
    "The mean runs along the wrong axis, over the draws of one place. A row of `draws` is one draw.",
    see=BOOTSTRAP,
)
def wrong_axis(a, b, draws):
    means = (a - b)[draws].mean(axis=0)
    return float((a - b).mean()), *map(float, np.quantile(means, [0.025, 0.975]))
