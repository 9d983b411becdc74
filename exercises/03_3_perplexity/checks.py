"""Checks of 03.3: perplexity of a padded batch."""

import math

import numpy as np

from minillama.book.exercises import Hole

SURPRISE = "Surprise: cross-entropy and perplexity"
UNITS = "Four units, two vocabularies"
ZEROS = "Zeros"

perplexity = Hole("perplexity")

perplexity.case(
    "one row without padding, by hand",
    4.0,
    log_p=np.log(np.array([[0.5, 0.125]])),
    targets=np.array([[7, 3]]),
)
perplexity.case(
    "rows of different length, by hand: (2 * 2 * 2 * 32)^(1/4) = 4",
    4.0,
    log_p=np.log(np.array([[0.5, 0.5, 0.5], [1 / 32, 0.9, 0.9]])),
    targets=np.array([[1, 0, 4], [2, -100, -100]]),
)
perplexity.case(
    "padding may hold anything",
    2.0,
    log_p=np.array([[math.log(0.5), math.nan, -math.inf], [math.log(0.25), 0.0, math.nan]]),
    targets=np.array([[0, -100, -100], [6, 1, -100]]),
)
perplexity.case(
    "a token that was held impossible",
    math.inf,
    log_p=np.array([[0.0, -math.inf], [-1.0, 0.0]]),
    targets=np.array([[3, 1], [1, -100]]),
)


def one_by_one(log_p, targets):
    """Take the geometric mean of 1 / q, token by token."""
    surprises = [
        -float(q)
        for row, ids in zip(log_p.tolist(), targets.tolist(), strict=True)
        for q, t in zip(row, ids, strict=True)
        if t != -100
    ]
    return math.prod(math.exp(s / len(surprises)) for s in surprises)


@perplexity.against(one_by_one, "random batches, against a product over single tokens", seeds=6)
def batches(rng):
    B, T = int(rng.integers(2, 4)), int(rng.integers(4, 7))
    targets = rng.integers(0, 9, size=(B, T))
    for row, length in zip(targets, rng.permutation(T)[:B], strict=True):
        row[length + 1 :] = -100
    targets[0, 2:] = -100
    return {"log_p": -rng.exponential(1.5, size=(B, T)), "targets": targets}


@perplexity.law("a batch joined to itself has the same perplexity", batches, seeds=3)
def doubled(perplexity, log_p, targets):
    return perplexity(np.vstack([log_p, log_p]), np.vstack([targets, targets])), perplexity(log_p, targets)


def real_of(targets):
    return targets != -100


@perplexity.mistake(
    "The padding was averaged in. Where the target is -100 there is no token, and nothing was predicted.",
    see=SURPRISE,
)
def padding_counted(log_p, targets):
    return float(np.exp(-np.mean(log_p)))


@perplexity.mistake(
    "The padding was left out of the sum but not out of the number: divide by the tokens, not by the"
    " places of the array.",
    see=SURPRISE,
)
def divided_by_places(log_p, targets):
    return float(np.exp(-np.sum(log_p[real_of(targets)]) / targets.size))


@perplexity.mistake(
    "You took the mean of each row first, then the mean of the rows. Short texts then weigh as much as"
    " long ones; a perplexity is per token, over all tokens together.",
    see=UNITS,
)
def mean_of_rows(log_p, targets):
    rows = [np.mean(row[real_of(t)]) for row, t in zip(log_p, targets, strict=True) if real_of(t).any()]
    return float(np.exp(-np.mean(rows)))


@perplexity.mistake(
    "This is the mean of the rows' perplexities. Average the nats first, over all tokens, and take the"
    " exponential at the very end.",
    see=UNITS,
)
def mean_of_perplexities(log_p, targets):
    rows = [
        np.exp(-np.mean(row[real_of(t)])) for row, t in zip(log_p, targets, strict=True) if real_of(t).any()
    ]
    return float(np.mean(rows))


@perplexity.mistake(
    "This is the mean of 1/q. One rare token then decides everything. Perplexity is the exponential of"
    " the mean surprise: first the mean of the logarithms.",
    see=SURPRISE,
)
def arithmetic_mean(log_p, targets):
    return float(np.mean(np.exp(-log_p[real_of(targets)])))


@perplexity.mistake(
    "The minus is missing: your result is the geometric mean of the probabilities, one over the"
    " perplexity. A perplexity is never below 1.",
    see=SURPRISE,
)
def no_minus(log_p, targets):
    return float(np.exp(np.mean(log_p[real_of(targets)])))


@perplexity.mistake(
    "You raised 2 to the loss, but the loss is in nats. 2 belongs to bits: for nats it is e.",
    see=SURPRISE,
)
def wrong_base(log_p, targets):
    return float(2 ** -np.mean(log_p[real_of(targets)]))


@perplexity.mistake(
    "This is the loss, in nats per token. The perplexity is its exponential.",
    see=SURPRISE,
)
def only_the_loss(log_p, targets):
    return float(-np.mean(log_p[real_of(targets)]))


@perplexity.mistake(
    "The surprise was summed and not averaged: that is one over the probability of the whole batch, and"
    " grows with its length.",
    see=SURPRISE,
)
def summed(log_p, targets):
    return float(np.exp(-np.sum(log_p[real_of(targets)])))


@perplexity.mistake(
    "Token 0 was left out together with the padding. Only -100 means that there is none; 0 is a token"
    " like any other.",
    see=SURPRISE,
)
def zero_left_out(log_p, targets):
    return float(np.exp(-np.mean(log_p[targets > 0])))
