"""Checks of 07.2: one head of causal attention, with fewer queries than keys."""

import math

import numpy as np

from minillama.book.exercises import Hole

HEAD = "One head, in symbols and in code"
ROOT = "Why the square root"
SHARE = "Many heads, and heads that share"
LEAK = "The leak test"
WRONG = "Ten ways to get it wrong"

one_head = Hole("one_head")

one_head.case(
    "one query, three keys, by hand: 1, 2 and 5 over 8",
    np.array([[11.0, 1.0]]),
    q=np.array([[2.0, 2.0, 0.0, 0.0]]),
    k=np.array([[0.0, 0.0, 1.0, 0.0], [math.log(2), 0.0, 0.0, 0.0], [0.0, math.log(5), 0.0, 1.0]]),
    v=np.array([[8.0, 0.0], [0.0, 4.0], [16.0, 0.0]]),
)
one_head.case(
    "as many queries as keys: averages over the past, by hand",
    np.array([[2.0], [3.0], [5.0]]),
    q=np.zeros((3, 4)),
    k=np.ones((3, 4)),
    v=np.array([[2.0], [4.0], [9.0]]),
)
one_head.case(
    "two queries of four positions, by hand",
    np.array([[2.0], [4.0]]),
    q=np.zeros((2, 4)),
    k=np.ones((4, 4)),
    v=np.array([[1.0], [2.0], [3.0], [10.0]]),
)
one_head.case(
    "large scores, by hand: all the weight on one key",
    np.array([[5.0, 6.0]]),
    q=np.array([[100.0, 0.0, 0.0, 0.0]]),
    k=np.array([[0.0, 9.0, 0.0, 0.0], [90.0, 0.0, 0.0, 0.0], [80.0, 0.0, 0.0, 0.0]]),
    v=np.array([[1.0, 2.0], [5.0, 6.0], [3.0, 4.0]]),
)


def number_by_number(q, k, v):
    """Loops over single numbers, in Python's own arithmetic."""
    T, S = len(q), len(k)
    out = np.zeros((T, v.shape[1]))
    for i in range(T):
        seen = range(S - T + i + 1)
        scores = [math.fsum((q[i] * k[j]).tolist()) / math.sqrt(q.shape[1]) for j in seen]
        parts = [math.exp(score - max(scores)) for score in scores]
        for j in seen:
            out[i] += parts[j] / math.fsum(parts) * v[j]
    return out


@one_head.against(number_by_number, "random arrays, against loops over single numbers", seeds=6)
def arrays(rng):
    S = int(rng.integers(3, 7))
    T, D, E = int(rng.integers(2, S + 1)), int(rng.integers(2, 6)), int(rng.integers(2, 6))
    return {
        "q": rng.normal(size=(T, D)),
        "k": rng.normal(size=(S, D)),
        "v": rng.normal(size=(S, E + (E == D))),
    }


@one_head.law(
    "it does not leak: another last key and value leave all earlier outputs as they were", arrays, seeds=3
)
def no_leak(one_head, q, k, v):
    changed_k, changed_v = k.copy(), v.copy()
    changed_k[-1] += 1
    changed_v[-1] -= 1
    return one_head(q, changed_k, changed_v)[:-1], one_head(q, k, v)[:-1]


def head(q, k, v, reach=0, corner="lower", scale=np.sqrt, masked="before", axis=-1):
    """Attention with some part exchanged."""
    T, S = len(q), len(k)
    scores = q @ k.T / scale(q.shape[1])
    start = S - T if corner == "lower" else 0
    seen = np.arange(S) <= np.arange(start, start + T)[:, None] + reach
    if masked == "before":
        scores = np.where(seen, scores, -np.inf)
    if masked == "zero":
        scores = scores * seen
    with np.errstate(invalid="ignore"):
        e = np.exp(scores - scores.max(axis=axis, keepdims=True))
        weights = e / e.sum(axis=axis, keepdims=True)
    return (weights * seen if masked == "after" else weights) @ v


@one_head.mistake(
    "There is no mask: every query sees all keys, those of later positions too. It reads the answer.",
    see=LEAK,
)
def no_mask(q, k, v):
    return head(q, k, v, masked="never")


@one_head.mistake("The mask is off by one: each query sees one position ahead, its own answer.", see=LEAK)
def one_ahead(q, k, v):
    return head(q, k, v, reach=1)


@one_head.mistake(
    "The mask is off by one: a query does not see its own position. The first of all has nothing to look"
    " at then, and becomes NaN.",
    see=WRONG,
)
def not_itself(q, k, v):
    return head(q, k, v, reach=-1)


@one_head.mistake(
    "The mask is aligned at the upper left, as if the queries stood at the first positions. They are the"
    " last T of the S: align it at the lower right.",
    see=SHARE,
)
def upper_left(q, k, v):
    return head(q, k, v, corner="upper")


@one_head.mistake("The scores were not divided by sqrt(D).", see=ROOT)
def no_root(q, k, v):
    return head(q, k, v, scale=lambda D: 1.0)


@one_head.mistake("The scores were divided by D, or by sqrt(D) twice. Once is right.", see=ROOT)
def root_twice(q, k, v):
    return head(q, k, v, scale=lambda D: float(D))


@one_head.mistake(
    "The scores were divided by the root of the *values'* width. It is the width of queries and keys, D,"
    " that makes their products large.",
    see=ROOT,
)
def root_of_values(q, k, v):
    return head(q, k, v, scale=lambda D: np.sqrt(v.shape[1]))


@one_head.mistake(
    "The scores were divided by the root of the number of keys. It is the width D that makes a product"
    " large.",
    see=ROOT,
)
def root_of_keys(q, k, v):
    return head(q, k, v, scale=lambda D: np.sqrt(len(k)))


@one_head.mistake(
    "The forbidden weights were set to zero after the softmax: rows no longer sum to one, and the"
    " denominator has seen the future.",
    see=WRONG,
)
def masked_after(q, k, v):
    return head(q, k, v, masked="after")


@one_head.mistake(
    "The forbidden scores were set to zero, and e to the power of 0 is 1. Minus infinity forbids.", see=WRONG
)
def zero_scores(q, k, v):
    return head(q, k, v, masked="zero")


@one_head.mistake(
    "The softmax ran along the queries. Each query's weights sum to one over its *keys*: the last axis.",
    see=HEAD,
)
def over_queries(q, k, v):
    return head(q, k, v, axis=0)
