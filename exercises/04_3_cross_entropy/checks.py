"""Checks of 04.3: cross-entropy, forward and backward."""

import math

import numpy as np

from minillama.book.exercises import Hole

SOFTMAX = "Softmax and cross-entropy"
WHICH = "Which targets the mean is over"
PLANTED = "Three planted bugs"

cross_entropy = Hole("cross_entropy")

cross_entropy.case(
    "one row, probabilities 1/4 and 3/4, by hand: ln 4",
    (math.log(4), np.array([[-0.75, 0.75]])),
    logits=np.array([[0.0, math.log(3)]]),
    targets=np.array([0]),
    ignore_index=-100,
)
cross_entropy.case(
    "two rows of which one counts, by hand",
    (math.log(4), np.array([[0.0, 0.0], [-0.75, 0.75]])),
    logits=np.array([[5.0, 7.0], [0.0, math.log(3)]]),
    targets=np.array([-100, 0]),
    ignore_index=-100,
)
cross_entropy.case(
    "another ignore_index, by hand: ln 2",
    (math.log(2), np.array([[[-0.25, 0.25], [0.0, 0.0]], [[0.25, -0.25], [0.0, 0.0]]])),
    logits=np.array([[[1.0, 1.0], [2.0, 3.0]], [[-1.0, -1.0], [0.0, 9.0]]]),
    targets=np.array([[0, -1], [1, -1]]),
    ignore_index=-1,
)
cross_entropy.case(
    "scores of a thousand, by hand: (ln 2 + 2000) / 2",
    (math.log(2) / 2 + 1000, np.array([[-0.25, 0.25], [0.5, -0.5]])),
    logits=np.array([[1000.0, 1000.0], [1000.0, -1000.0]]),
    targets=np.array([0, 1]),
    ignore_index=-100,
)
cross_entropy.case(
    "rows of very different size, by hand: (0 + ln 2) / 2",
    (math.log(2) / 2, np.array([[0.0, 0.0], [-0.25, 0.25]])),
    logits=np.array([[2000.0, 0.0], [0.0, 0.0]]),
    targets=np.array([0, 0]),
    ignore_index=-100,
)


def by_complex_step(logits, targets, ignore_index):
    """Add up surprises of single rows; the gradient by imaginary nudges, by no formula for it."""
    rows = logits.reshape(-1, logits.shape[-1])
    asked = [(n, t) for n, t in enumerate(targets.ravel().tolist()) if t != ignore_index]

    def loss(z):
        surprises = [np.log(sum(np.exp(score - z[n, t]) for score in z[n])) for n, t in asked]
        return sum(surprises) / len(asked)

    d_rows = np.empty_like(rows)
    for place in np.ndindex(rows.shape):
        nudged = rows.astype(complex)
        nudged[place] += 1e-30j
        d_rows[place] = loss(nudged).imag / 1e-30
    return float(loss(rows.astype(complex)).real), d_rows.reshape(logits.shape)


@cross_entropy.against(by_complex_step, "random scores, against the derivative by complex steps", seeds=6)
def scores(rng):
    shape = [(4,), (2, 3), (2, 2, 2)][int(rng.integers(3))]
    vocab_size = int(rng.integers(3, 6))
    ignore_index = int(rng.choice([-100, -1, 999]))
    targets = rng.integers(0, vocab_size, size=shape)
    targets.ravel()[1] = ignore_index
    return {
        "logits": rng.normal(0.0, 2.0, size=(*shape, vocab_size)),
        "targets": targets,
        "ignore_index": ignore_index,
    }


@cross_entropy.law("adding 5 to all scores of a row changes nothing", scores, seeds=3)
def shift(cross_entropy, logits, targets, ignore_index):
    return cross_entropy(logits + 5.0, targets, ignore_index), cross_entropy(logits, targets, ignore_index)


def parts(logits, targets, ignore_index):
    """Which count, probabilities, one-hot and surprises, safely."""
    counts = targets != ignore_index
    hit = np.eye(logits.shape[-1])[np.where(counts, targets, 0)]  # (*batch, V)
    z = logits - logits.max(axis=-1, keepdims=True)
    total = np.exp(z).sum(axis=-1, keepdims=True)
    return counts, np.exp(z) / total, hit, np.log(total[..., 0]) - np.sum(z * hit, axis=-1)


def loss_and_gradient(logits, targets, ignore_index, loss_by=None, gradient_by=None, one_hot=1.0, keep=False):
    """Return both, with some of their parts exchanged."""
    counts, p, hit, surprise = parts(logits, targets, ignore_index)
    M = counts.sum()
    d = (p - one_hot * hit) * (1 if keep else counts[..., None])
    return float(np.sum(surprise * counts) / (loss_by or M)), d / (gradient_by or M)


@cross_entropy.mistake(
    "Loss and gradient are means over all targets. The ignored ones must not count in the number that you"
    " divide by, either.",
    see=WHICH,
)
def mean_over_all(logits, targets, ignore_index):
    n = targets.size
    return loss_and_gradient(logits, targets, ignore_index, loss_by=n, gradient_by=n)


@cross_entropy.mistake(
    "The loss is right; the gradient was divided by the number of all targets, the ignored ones too. It"
    " is the gradient of another loss.",
    see=PLANTED,
)
def gradient_over_all(logits, targets, ignore_index):
    return loss_and_gradient(logits, targets, ignore_index, gradient_by=targets.size)


@cross_entropy.mistake(
    "You return the sum over the targets, and its gradient. Asked for is the mean over those that count.",
    see=SOFTMAX,
)
def summed(logits, targets, ignore_index):
    return loss_and_gradient(logits, targets, ignore_index, loss_by=1, gradient_by=1)


@cross_entropy.mistake(
    "The loss is a mean, but the gradient was not divided: it is that of the sum.", see=SOFTMAX
)
def gradient_not_divided(logits, targets, ignore_index):
    return loss_and_gradient(logits, targets, ignore_index, gradient_by=1)


@cross_entropy.mistake(
    "Rows whose target is ignored have a gradient. They do not appear in the loss, so theirs is zero.",
    see=SOFTMAX,
)
def ignored_rows_pull(logits, targets, ignore_index):
    return loss_and_gradient(logits, targets, ignore_index, keep=True)


@cross_entropy.mistake(
    "The gradient is the probabilities alone. One is missing: subtract 1 at the target.", see=SOFTMAX
)
def no_one_hot(logits, targets, ignore_index):
    return loss_and_gradient(logits, targets, ignore_index, one_hot=0.0)


@cross_entropy.mistake(
    "The gradient has the wrong sign: it is one-hot minus the probabilities, the direction in which the"
    " loss falls. The gradient points to where it grows.",
    see=SOFTMAX,
)
def negated(logits, targets, ignore_index):
    loss, d_logits = loss_and_gradient(logits, targets, ignore_index)
    return loss, -d_logits


@cross_entropy.mistake(
    "Large scores overflow: exp(1000) is infinity. Subtract each row's largest score first; the"
    " probabilities stay the same.",
    see=SOFTMAX,
)
def overflow(logits, targets, ignore_index):
    counts, _, hit, _ = parts(logits, targets, ignore_index)
    with np.errstate(over="ignore", invalid="ignore"):
        exponentials = np.exp(logits)
        total = exponentials.sum(axis=-1, keepdims=True)
        surprise = np.log(total[..., 0]) - np.sum(logits * hit, axis=-1)
        d = (exponentials / total - hit) * counts[..., None]
        return float(np.mean(surprise[counts])), d / counts.sum()


@cross_entropy.mistake(
    "You subtracted the largest score of the whole array. Rows that lie far below it underflow: all their"
    " exponentials become 0. Each row has its own maximum: axis -1, with keepdims.",
    see=SOFTMAX,
)
def one_maximum(logits, targets, ignore_index):
    counts, _, hit, _ = parts(logits, targets, ignore_index)
    z = logits - logits.max()
    with np.errstate(divide="ignore", invalid="ignore"):
        total = np.exp(z).sum(axis=-1, keepdims=True)
        surprise = np.log(total[..., 0]) - np.sum(z * hit, axis=-1)
        d = np.where(counts[..., None], np.exp(z) / total - hit, 0.0)
        return float(np.mean(surprise[counts])), d / counts.sum()


@cross_entropy.mistake(
    "The loss is in bits: you took the logarithm to base 2. Nats are natural logarithms.", see=SOFTMAX
)
def bits(logits, targets, ignore_index):
    loss, d_logits = loss_and_gradient(logits, targets, ignore_index)
    return loss / math.log(2), d_logits


@cross_entropy.mistake(
    "You ignored -100, whatever ignore_index said: -1 was then read as a token, the last one, or another"
    " number was refused. Compare with the argument.",
    see=SOFTMAX,
)
def always_minus_100(logits, targets, ignore_index):
    counts = targets != -100
    hit = np.eye(logits.shape[-1])[np.where(counts, targets, 0)]
    z = logits - logits.max(axis=-1, keepdims=True)
    total = np.exp(z).sum(axis=-1, keepdims=True)
    surprise = np.log(total[..., 0]) - np.sum(z * hit, axis=-1)
    d = (np.exp(z) / total - hit) * counts[..., None]
    return float(np.mean(surprise[counts])), d / counts.sum()
