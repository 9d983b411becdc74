"""Checks of 19.1: parts joined by the weight of their sums. The oracle attends to all keys at once."""

import numpy as np

from minillama.book.exercises import Hole

DECODE = "One query, a long past"
ONLINE = "The mathematics"

join_parts = Hole("join_parts")

join_parts.case(
    "two parts of one head, by hand",
    (np.array([[3.0, 1.0]]), np.array([np.log(4.0)])),
    outs=np.array([[[0.0, 4.0]], [[4.0, 0.0]]]),
    log_sums=np.array([[0.0], [np.log(3.0)]]),
)
join_parts.case(
    "one part alone is the whole",
    (np.array([[2.0], [5.0]]), np.array([0.5, -1.0])),
    outs=np.array([[[2.0], [5.0]]]),
    log_sums=np.array([[0.5, -1.0]]),
)


def attend(scores, values):
    """Softmax average and log-sum in float64, of one head."""
    largest = scores.max()
    p = np.exp(scores - largest)
    return p @ values / p.sum(), largest + np.log(p.sum())


def some(rng, offset=0.0, empty=False):
    P, H, D = int(rng.integers(3, 6)), int(rng.integers(2, 4)), 2
    scores = rng.normal(size=(P, H, 5)) * 2 + offset
    outs, log_sums = np.zeros((P, H, D)), np.zeros((P, H))
    values = rng.normal(size=(P, H, 5, D))
    for p in range(P):
        for h in range(H):
            outs[p, h], log_sums[p, h] = attend(scores[p, h], values[p, h])
    if empty:
        outs[0], log_sums[0] = np.nan, -np.inf
        outs[1, 0], log_sums[1, 0] = np.nan, -np.inf
    return {"outs": outs, "log_sums": log_sums}


def exact(outs, log_sums):
    """Head by head and part by part, joined two at a time."""
    P, H, D = outs.shape
    out, log_sum = np.zeros((H, D)), np.zeros(H)
    for h in range(H):
        held = [p for p in range(P) if np.isfinite(log_sums[p, h])]
        o, L = outs[held[0], h], log_sums[held[0], h]
        for p in held[1:]:
            new = np.logaddexp(L, log_sums[p, h])
            o = o * np.exp(L - new) + outs[p, h] * np.exp(log_sums[p, h] - new)
            L = new
        out[h], log_sum[h] = o, L
    return out, log_sum


@join_parts.against(exact, "random parts, joined two at a time", seeds=4)
def ordinary(rng):
    return some(rng)


@join_parts.against(exact, "log-sums near 1,000 and -1,000", seeds=4)
def far(rng):
    return some(rng, offset=1000.0 * (1 if rng.random() < 0.5 else -1))


@join_parts.against(exact, "parts without keys", seeds=4)
def holes(rng):
    return some(rng, empty=True)


def weights_of(log_sums, axis=0):
    weights = np.exp(log_sums - log_sums.max(axis=axis, keepdims=True))
    return weights / weights.sum(axis=axis, keepdims=True)


def kept(outs, log_sums):
    return np.where(np.isfinite(log_sums)[..., None], outs, 0.0)


def total(log_sums):
    largest = log_sums.max(axis=0)
    return largest + np.log(np.exp(log_sums - largest).sum(axis=0))


@join_parts.mistake(
    "The parts were averaged as if all had seen as much. Each weighs as much as its sum, e to its log-sum.",
    see=DECODE,
)
def plain_mean(outs, log_sums):
    return np.nanmean(np.where(np.isfinite(log_sums)[..., None], outs, np.nan), axis=0), total(log_sums)


@join_parts.mistake(
    "e was raised to the log-sums themselves: near 1,000 that is infinity, near -1,000 zero. Take the largest"
    " off first.",
    see=ONLINE,
)
def overflows(outs, log_sums):
    with np.errstate(all="ignore"):
        weights = np.exp(log_sums)
        out = (weights[..., None] * kept(outs, log_sums)).sum(axis=0) / weights.sum(axis=0)[:, None]
        return out, np.log(weights.sum(axis=0))


@join_parts.mistake(
    "The result of a part without keys got in: its weight is 0, but 0 times NaN is NaN. Leave it out before"
    " you multiply.",
    see=DECODE,
)
def nan_times_zero(outs, log_sums):
    return (weights_of(log_sums)[..., None] * outs).sum(axis=0), total(log_sums)


@join_parts.mistake(
    "The weights were not divided by their sum: the result is a sum of parts, and too large.", see=ONLINE
)
def not_divided(outs, log_sums):
    weights = np.exp(log_sums - log_sums.max(axis=0))
    return (weights[..., None] * kept(outs, log_sums)).sum(axis=0), total(log_sums)


@join_parts.mistake(
    "The log-sums were added. Sums add, and their logarithms do not: L = ln(e^L1 + e^L2).", see=DECODE
)
def logs_added(outs, log_sums):
    out = (weights_of(log_sums)[..., None] * kept(outs, log_sums)).sum(axis=0)
    return out, np.where(np.isfinite(log_sums), log_sums, 0.0).sum(axis=0)


@join_parts.mistake(
    "The joined log-sum is the largest part's. The logarithm of the sum of all weights was forgotten.",
    see=ONLINE,
)
def only_the_largest(outs, log_sums):
    out = (weights_of(log_sums)[..., None] * kept(outs, log_sums)).sum(axis=0)
    return out, log_sums.max(axis=0)


@join_parts.mistake(
    "The weights sum to one over the heads. Each head joins its own parts: the sum runs over the first axis.",
    see=DECODE,
)
def over_heads(outs, log_sums):
    with np.errstate(all="ignore"):
        return (weights_of(log_sums, axis=1)[..., None] * kept(outs, log_sums)).sum(axis=0), total(log_sums)


join_parts.survives(
    "np.where(weights[..., None] > 0, outs, 0.0) -> np.where(weights[..., None] > 0, outs, 1.0)",
    "what stands in for a part without keys is multiplied by its weight, 0",
)
