"""Checks of 07.5: a head's induction score."""

from fractions import Fraction

import numpy as np

from minillama.book.exercises import Hole

VILLAGE = "A village of made-up names"
HEAD = "One head, in symbols and in code"

induction_score = Hole("induction_score")

induction_score.case(
    "two tokens, twice, by hand: (0.8 + 0.4) / 2",
    0.6,
    weights=np.array([[1.0, 0, 0, 0], [0.5, 0.5, 0, 0], [0.1, 0.8, 0.1, 0], [0.6, 0.0, 0.4, 0]]),
    tokens=np.array([7, 4, 7, 4]),
)
induction_score.case(
    "nothing occurs twice",
    0.0,
    weights=np.array([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.2, 0.3, 0.5]]),
    tokens=np.array([1, 2, 3]),
)
induction_score.case(
    "a token twice before, by hand: 0.3 + 0.4 in the last row, 0.25 in the third",
    (0.25 + 0.7) / 2,
    weights=np.array(
        [
            [1.0, 0, 0, 0, 0],
            [0.5, 0.5, 0, 0, 0],
            [0.5, 0.25, 0.25, 0, 0],
            [0.25, 0.25, 0.25, 0.25, 0],
            [0.1, 0.3, 0.1, 0.4, 0.1],
        ]
    ),
    tokens=np.array([5, 6, 5, 8, 5]),
)
induction_score.case(
    "the same token side by side, by hand: what followed the first is the second itself",
    0.9,
    weights=np.array([[1.0, 0.0], [0.1, 0.9]]),
    tokens=np.array([3, 3]),
)


def all_pairs(weights, tokens):
    """Walk over all pairs of positions, in exact fractions."""
    total, rows = Fraction(0), 0
    for t in range(len(tokens)):
        places = [s for s in range(t) if tokens[s] == tokens[t]]
        total += sum((Fraction(float(weights[t, s + 1])) for s in places), Fraction(0))
        rows += bool(places)
    return float(total / rows) if rows else 0.0


@induction_score.against(all_pairs, "random texts of few different tokens, against exact fractions", seeds=6)
def texts(rng):
    T = int(rng.integers(5, 10))
    weights = np.tril(rng.random((T, T)))
    return {"weights": weights / weights.sum(axis=-1, keepdims=True), "tokens": rng.integers(0, 4, size=T)}


@induction_score.law("other names for the tokens: the same score", texts, seeds=2)
def renamed(induction_score, weights, tokens):
    return induction_score(weights, 10 - tokens), induction_score(weights, tokens)


def score(weights, tokens, offset=1, choose=lambda places: places, total=np.sum, all_rows=False):
    """Return the score with some part exchanged."""
    sums = []
    for t in range(len(tokens)):
        places = choose([s for s in range(t) if tokens[s] == tokens[t]])
        if places or all_rows:
            sums.append(total([weights[t, s + offset] for s in places]) if places else 0.0)
    return float(np.mean(sums)) if sums else 0.0


@induction_score.mistake(
    "You added the weights on the earlier occurrences themselves. That finds heads that look for the same"
    " token; an induction head looks one further, at what followed.",
    see=VILLAGE,
)
def same_token(weights, tokens):
    return score(weights, tokens, offset=0)


@induction_score.mistake(
    "You looked one place *before* the earlier occurrence. What followed it stands at s + 1.", see=VILLAGE
)
def before_it(weights, tokens):
    sums = []
    for t in range(len(tokens)):
        places = [s for s in range(t) if tokens[s] == tokens[t]]
        if places:
            sums.append(sum(weights[t, s - 1] for s in places))
    return float(np.mean(sums)) if sums else 0.0


@induction_score.mistake(
    "Only the last earlier occurrence was counted. A head may look at any of them: add up all.", see=VILLAGE
)
def last_only(weights, tokens):
    return score(weights, tokens, choose=lambda places: places[-1:])


@induction_score.mistake(
    "Only the first occurrence was counted. A head may look at any of them: add up all.", see=VILLAGE
)
def first_only(weights, tokens):
    return score(weights, tokens, choose=lambda places: places[:1])


@induction_score.mistake(
    "The weights on several occurrences were averaged. Attention on any of them is well spent: add them up.",
    see=VILLAGE,
)
def averaged(weights, tokens):
    return score(weights, tokens, total=np.mean)


@induction_score.mistake(
    "The mean runs over all positions. Where the token is new there is nothing to look for, and the row"
    " must not count.",
    see=VILLAGE,
)
def over_all(weights, tokens):
    return score(weights, tokens, all_rows=True)


@induction_score.mistake(
    "The weights were read with the axes exchanged: row t belongs to the *query* t, columns are keys.",
    see=HEAD,
)
def exchanged(weights, tokens):
    return score(weights.T, tokens)


@induction_score.mistake(
    "This is the weight on the token just before the current one. Such a head feeds an induction head, and"
    " is none.",
    see=VILLAGE,
)
def token_before(weights, tokens):
    rows = [t for t in range(1, len(tokens)) if tokens[t] in tokens[:t]]
    return float(np.mean([weights[t, t - 1] for t in rows])) if rows else 0.0


@induction_score.mistake(
    "The sum was not divided by the number of positions: a mean was asked for.", see=VILLAGE
)
def not_divided(weights, tokens):
    count = sum(bool(np.any(tokens[:t] == tokens[t])) for t in range(len(tokens)))
    return score(weights, tokens) * max(count, 1)
