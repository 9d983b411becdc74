"""Checks of 13.2: the gradient of a batch from its micro-batches."""

import math
from fractions import Fraction

import numpy as np

from minillama.book.exercises import Hole

ACCUMULATION = "A batch that does not fit: accumulation"
CLIPPING = "One bad batch: clipping, and the watch"

batch_gradient = Hole("batch_gradient", tolerance=1e-9)

batch_gradient.case(
    "unequal micro-batches, short enough, by hand",
    (np.array([0.3, 0.4]), 0.5),
    sums=np.array([[2.0, 1.0], [1.0, 3.0]]),
    counts=np.array([8, 2]),
    max_norm=1.0,
)
batch_gradient.case(
    "too long, by hand: (3, 4) becomes (0.6, 0.8)",
    (np.array([0.6, 0.8]), 5.0),
    sums=np.array([[5.0, 20.0], [10.0, 0.0]]),
    counts=np.array([4, 1]),
    max_norm=1.0,
)
batch_gradient.case(
    "one micro-batch has no targets",
    (np.array([0.0, -2.0]), 2.0),
    sums=np.array([[0.0, -6.0], [0.0, 0.0]]),
    counts=np.array([3, 0]),
    max_norm=2.5,
)
batch_gradient.case(
    "nothing to do: a gradient of zeros",
    (np.zeros(2), 0.0),
    sums=np.array([[1.0, -1.0], [-1.0, 1.0]]),
    counts=np.array([2, 1]),
    max_norm=1.0,
)


def in_fractions(sums, counts, max_norm):
    """Weight by weight in exact fractions, up to the root."""
    targets = sum(int(n) for n in counts)
    whole = [sum(Fraction(float(row[p])) for row in sums) / targets for p in range(sums.shape[1])]
    norm = math.sqrt(sum(g * g for g in whole))
    factor = max_norm / norm if norm > max_norm else 1.0
    return np.array([float(g) * factor for g in whole]), norm


@batch_gradient.against(in_fractions, "random micro-batches, against exact fractions", seeds=6)
def micro_batches(rng):
    K, P = int(rng.integers(2, 5)), int(rng.integers(2, 5))
    counts = rng.integers(1, 9, size=K)
    return {
        "sums": rng.normal(0, 4, size=(K, P)) * counts[:, None],
        "counts": counts,
        "max_norm": float(rng.choice([0.5, 1.0, 3.0])),
    }


def uncut(rng):
    arguments = micro_batches(rng)
    return arguments | {"at": 1}


@batch_gradient.law("two micro-batches made into one give the same", uncut, seeds=3)
def joined(batch_gradient, sums, counts, max_norm, at):
    merged = np.vstack([sums[:at].sum(axis=0) + sums[at], sums[at + 1 :]])
    numbers = np.concatenate([[counts[:at].sum() + counts[at]], counts[at + 1 :]])
    return batch_gradient(sums, counts, max_norm), batch_gradient(merged, numbers, max_norm)


def clipped(gradient, max_norm):
    norm = float(np.linalg.norm(gradient))
    return gradient * min(1.0, max_norm / norm) if norm else gradient, norm


@batch_gradient.mistake(
    "This is the mean of the micro-batches' means: a target in a short micro-batch weighs more than one in a"
    " long one. Add the sums, and divide once by all targets.",
    see=ACCUMULATION,
)
def mean_of_means(sums, counts, max_norm):
    with np.errstate(invalid="ignore"):
        return clipped((sums / counts[:, None]).mean(axis=0), max_norm)


@batch_gradient.mistake(
    "The micro-batches' means were added: every one that is added makes the gradient longer. It is the sums"
    " that add up.",
    see=ACCUMULATION,
)
def sum_of_means(sums, counts, max_norm):
    with np.errstate(invalid="ignore"):
        return clipped((sums / counts[:, None]).sum(axis=0), max_norm)


@batch_gradient.mistake(
    "The sum was divided by the number of micro-batches. The loss is a mean over targets.", see=ACCUMULATION
)
def divided_by_k(sums, counts, max_norm):
    return clipped(sums.mean(axis=0), max_norm)


@batch_gradient.mistake(
    "The gradient is that of the summed loss: it was not divided at all.", see=ACCUMULATION
)
def not_divided(sums, counts, max_norm):
    return clipped(sums.sum(axis=0), max_norm)


@batch_gradient.mistake(
    "Only the last micro-batch is in it: the gradient was set to zero before each. Once a step is enough.",
    see=ACCUMULATION,
)
def last_one_only(sums, counts, max_norm):
    return clipped(sums[-1] / counts.sum(), max_norm)


@batch_gradient.mistake(
    "Each micro-batch was clipped by itself, before they were added. Clipping is for the gradient that the"
    " optimiser gets.",
    see=CLIPPING,
)
def clipped_one_by_one(sums, counts, max_norm):
    parts = [clipped(row / counts.sum(), max_norm)[0] for row in sums]
    return np.sum(parts, axis=0), float(np.linalg.norm(sums.sum(axis=0) / counts.sum()))


@batch_gradient.mistake(
    "The gradient was clipped before it was divided: first the mean, then its length.", see=CLIPPING
)
def clipped_then_divided(sums, counts, max_norm):
    gradient, norm = clipped(sums.sum(axis=0), max_norm)
    return gradient / counts.sum(), norm / counts.sum()


@batch_gradient.mistake(
    "Every entry was cut off at the limit by itself: that turns the gradient into another direction. Shorten"
    " all of it by one factor.",
    see=CLIPPING,
)
def entry_by_entry(sums, counts, max_norm):
    gradient = sums.sum(axis=0) / counts.sum()
    return np.clip(gradient, -max_norm, max_norm), float(np.linalg.norm(gradient))


@batch_gradient.mistake(
    "The gradient always comes out at the limit: short ones were made longer. Clipping only shortens.",
    see=CLIPPING,
)
def always_scaled(sums, counts, max_norm):
    gradient = sums.sum(axis=0) / counts.sum()
    norm = float(np.linalg.norm(gradient))
    return gradient * (max_norm / norm if norm else 1.0), norm


@batch_gradient.mistake(
    "The norm is that after clipping, never above the limit: nobody could see a jump in it. Asked for is the"
    " length before.",
    see=CLIPPING,
)
def norm_after(sums, counts, max_norm):
    gradient, norm = clipped(sums.sum(axis=0) / counts.sum(), max_norm)
    return gradient, min(norm, max_norm)
