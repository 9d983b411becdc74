"""Checks of 07.1: a softmax with a mask, for scores of any size."""

import math

import numpy as np

from minillama.book.exercises import Hole

OVERFLOW = "A softmax that does not overflow"
HEAD = "One head, in symbols and in code"
WRONG = "Ten ways to get it wrong"

masked_softmax = Hole("masked_softmax")

masked_softmax.case(
    "nothing forbidden, by hand: 1, 2 and 5 over 8",
    np.array([0.125, 0.25, 0.625]),
    scores=np.log(np.array([1.0, 2.0, 5.0])),
    mask=np.ones(3, dtype=bool),
)
masked_softmax.case(
    "the first of three forbidden, by hand: 2 and 5 over 7",
    np.array([0.0, 2 / 7, 5 / 7]),
    scores=np.log(np.array([1.0, 2.0, 5.0])),
    mask=np.array([False, True, True]),
)
masked_softmax.case(
    "two rows with different masks, by hand",
    np.array([[0.5, 0.5, 0.0], [0.0, 0.25, 0.75]]),
    scores=np.array([[0.0, 0.0, 1.0], [2.0, 0.0, math.log(3)]]),
    mask=np.array([[True, True, False], [False, True, True]]),
)
masked_softmax.case(
    "large scores, by hand",
    np.array([[0.5, 0.5], [0.75, 0.25]]),
    scores=np.array([[1000.0, 1000.0], [-1000.0 + math.log(3), -1000.0]]),
    mask=np.ones((2, 2), dtype=bool),
)
masked_softmax.case(
    "the largest is forbidden, by hand",
    np.array([[0.5, 0.0, 0.5], [0.0, 1.0, 0.0]]),
    scores=np.array([[1.0, 2000.0, 1.0], [900.0, -900.0, 900.0]]),
    mask=np.array([[True, False, True], [False, True, False]]),
)
masked_softmax.case(
    "a row with nothing to see, beside one with something",
    np.array([[0.0, 0.0, 0.0], [0.25, 0.5, 0.25]]),
    scores=np.array([[3.0, 1.0, -2.0], [0.0, math.log(2), 0.0]]),
    mask=np.array([[False, False, False], [True, True, True]]),
)


def row_by_row(scores, mask):
    """Walk over all rows with Python's own numbers."""
    out = np.zeros_like(scores)
    for place in np.ndindex(scores.shape[:-1]):
        allowed = [j for j in range(scores.shape[-1]) if mask[place][j]]
        if allowed:
            best = max(float(scores[place][j]) for j in allowed)
            parts = {j: math.exp(float(scores[place][j]) - best) for j in allowed}
            for j, part in parts.items():
                out[(*place, j)] = part / math.fsum(parts.values())
    return out


@masked_softmax.against(row_by_row, "random scores and masks, against loops over single numbers", seeds=6)
def arrays(rng):
    leading = [(3,), (2, 3), (2, 2, 4)][int(rng.integers(3))]
    shape = (*leading, int(rng.integers(3, 6)))
    return {"scores": rng.normal(size=shape) * 3, "mask": rng.random(shape) < 0.7}


@masked_softmax.law("a constant added to all scores changes nothing", arrays, seeds=3)
def shifted(masked_softmax, scores, mask):
    return masked_softmax(scores + 500.0, mask), masked_softmax(scores, mask)


def quiet(function):
    """Let a mistake overflow without a word, as the reader's would."""

    def silent(scores, mask):
        with np.errstate(all="ignore"):
            return function(scores, mask)

    return silent


def divided(e, axis=-1):
    total = e.sum(axis=axis, keepdims=True)
    return e / np.where(total == 0, 1, total)


def right(scores, mask, axis=-1):
    seen = np.where(mask, scores, -np.inf)
    largest = seen.max(axis=axis, keepdims=True)
    return divided(np.exp(seen - np.where(np.isfinite(largest), largest, 0)), axis)


@masked_softmax.mistake(
    "The largest score was not subtracted: the exponential of 1000 is infinity, and infinity over infinity is"
    " no number.",
    see=OVERFLOW,
)
@quiet
def overflows(scores, mask):
    return divided(np.where(mask, np.exp(scores), 0.0))


@masked_softmax.mistake(
    "You subtracted the largest of *all* scores, forbidden ones too. If that one is far above the rest, every"
    " allowed exponential is 0. Forbid first, then take the maximum.",
    see=OVERFLOW,
)
@quiet
def largest_of_all(scores, mask):
    return divided(np.where(mask, np.exp(scores - scores.max(axis=-1, keepdims=True)), 0.0))


@masked_softmax.mistake(
    "You subtracted the mean of the row. That cancels too, but it does not bound the exponentials: take the"
    " maximum.",
    see=OVERFLOW,
)
@quiet
def mean_subtracted(scores, mask):
    return divided(np.where(mask, np.exp(scores - scores.mean(axis=-1, keepdims=True)), 0.0))


@masked_softmax.mistake(
    "The forbidden weights were set to zero after the softmax, and the rest no longer sums to one. Worse: the"
    " denominator has seen the forbidden scores.",
    see=WRONG,
)
def masked_after(scores, mask):
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True) * mask


@masked_softmax.mistake(
    "The forbidden scores were multiplied by zero. A score of zero is not forbidden: its exponential is 1.",
    see=WRONG,
)
def times_zero(scores, mask):
    return right(scores * mask, np.ones_like(mask))


@masked_softmax.mistake("The mask is the wrong way round: True means that a key may be seen.", see=HEAD)
def inverted(scores, mask):
    return right(scores, ~mask)


@masked_softmax.mistake(
    "A row with nothing to see came out as NaN: its largest score is -inf, and -inf minus -inf is no number."
    " Asked for are zeros.",
    see=OVERFLOW,
)
@quiet
def empty_is_nan(scores, mask):
    seen = np.where(mask, scores, -np.inf)
    e = np.exp(seen - seen.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


@masked_softmax.mistake(
    "A row with nothing to see became an average over everything that is forbidden: that is what a lowest"
    " finite number in place of -inf does. Asked for are zeros.",
    see=OVERFLOW,
)
def empty_is_even(scores, mask):
    return right(np.where(mask, scores, np.finfo(scores.dtype).min), np.ones_like(mask))


@masked_softmax.mistake(
    "The softmax ran along the first axis. The keys are on the last one: each *row* sums to one.", see=HEAD
)
def first_axis(scores, mask):
    return right(scores, mask, axis=0)


@masked_softmax.mistake(
    "The division was by the sum over the whole array. Each row has a sum of its own: axis -1, with"
    " keepdims.",
    see=HEAD,
)
def one_sum(scores, mask):
    seen = np.where(mask, scores, -np.inf)
    largest = seen.max(axis=-1, keepdims=True)
    e = np.exp(seen - np.where(np.isfinite(largest), largest, 0))
    return e / max(e.sum(), 1.0)


masked_softmax.survives(
    "np.where(np.isfinite(largest), largest, 0.0) -> np.where(np.isfinite(largest), largest, 1.0)",
    "any finite number does for a row with nothing to see: all its exponentials are 0",
)
