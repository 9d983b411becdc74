"""Checks of 03.5: Kneser-Ney for a bigram."""

from fractions import Fraction

import numpy as np

from minillama.book.exercises import Hole

KN = "Kneser–Ney: count company, not occurrences"
RULES = "One recursion, many rules"
SUMS = "Check: does it sum to one, and does anyone else agree?"
PLANTED = "Two planted mistakes"

kneser_ney = Hole("kneser_ney")

kneser_ney.case(
    "two tokens, by hand",
    np.array([[17 / 24, 7 / 24], [1 / 12, 11 / 12]]),
    counts=np.array([[3, 1], [0, 2]]),
    discount=0.5,
)
kneser_ney.case(
    "no tax: plain frequencies",
    np.array([[0.75, 0.25], [0.0, 1.0]]),
    counts=np.array([[3, 1], [0, 2]]),
    discount=0.0,
)
kneser_ney.case(
    "a token that nothing followed, by hand",
    np.array([[1 / 12, 1 / 12, 10 / 12], [1 / 3, 1 / 3, 1 / 3], [5 / 12, 5 / 12, 2 / 12]]),
    counts=np.array([[0, 0, 2], [0, 0, 0], [1, 1, 0]]),
    discount=0.5,
)


def by_definition(counts, discount):
    """One probability after the other, in exact fractions."""
    V, D = len(counts), Fraction(discount)
    c = [[int(x) for x in row] for row in counts]
    bigrams = [(h, w) for h in range(V) for w in range(V) if c[h][w]]
    out = np.empty((V, V))
    for h in range(V):
        followers = [w for g, w in bigrams if g == h]
        for w in range(V):
            lower = Fraction(len([1 for _, x in bigrams if x == w]), len(bigrams))
            total = sum(c[h])
            own = max(c[h][w] - D, 0) + D * len(followers) * lower
            out[h, w] = float(own / total if total else lower)
    return out


@kneser_ney.against(by_definition, "random tables, against the definition in fractions", seeds=6)
def tables(rng):
    V = int(rng.integers(4, 7))
    counts = rng.poisson(0.9, size=(V, V)) * rng.integers(1, 4, size=(V, 1))
    counts[int(rng.integers(V))] = 0
    counts[0, 1] += 1
    return {"counts": counts, "discount": float(rng.choice([0.25, 0.5, 0.75]))}


@kneser_ney.law("every row sums to one", tables, seeds=3)
def sums(kneser_ney, counts, discount):
    return kneser_ney(counts, discount).sum(axis=1), np.ones(len(counts))


@kneser_ney.law("the lower order does not change when every count is doubled", tables, seeds=3)
def company(kneser_ney, counts, discount):
    empty = counts.sum(axis=1) == 0
    return kneser_ney(2 * counts, discount)[empty], kneser_ney(counts, discount)[empty]


def variant(counts, discount, lower=None, kept=None, left=None):
    """Kneser-Ney with some of its parts exchanged."""
    met = counts > 0
    total, types = counts.sum(axis=1, keepdims=True), met.sum(axis=1, keepdims=True)
    lower = met.sum(axis=0) / met.sum() if lower is None else lower
    kept = np.maximum(counts - discount, 0) if kept is None else kept
    left = discount * types if left is None else left
    return np.where(total > 0, (kept + left * lower) / np.maximum(total, 1), lower)


@kneser_ney.mistake(
    "Your lower order counts occurrences: it is the unigram. That is absolute discounting. Kneser–Ney"
    " counts in how many different contexts a token was met.",
    see=KN,
)
def plain_unigram(counts, discount):
    return variant(counts, discount, lower=counts.sum(axis=0) / counts.sum())


@kneser_ney.mistake(
    "Your lower order counts the different tokens that came *after* w. What counts is how many came"
    " before it: the other axis.",
    see=KN,
)
def wrong_axis(counts, discount):
    met = counts > 0
    return variant(counts, discount, lower=met.sum(axis=1) / met.sum())


@kneser_ney.mistake(
    "The lower order is uniform here. It should know which tokens turn up in many contexts.", see=KN
)
def uniform(counts, discount):
    return variant(counts, discount, lower=np.full(len(counts), 1 / len(counts)))


@kneser_ney.mistake(
    "The numbers of contexts were divided by V, not by the number of all bigrams met, so the lower order"
    " does not sum to one.",
    see=SUMS,
)
def divided_by_vocabulary(counts, discount):
    return variant(counts, discount, lower=(counts > 0).sum(axis=0) / len(counts))


@kneser_ney.mistake(
    "D was taken from every count, also from zeros, which became negative. Only what was met can pay:"
    " max(c - D, 0).",
    see=RULES,
)
def negative(counts, discount):
    return variant(counts, discount, kept=counts - discount)


@kneser_ney.mistake(
    "The counts paid no tax, but the lower order was given its share all the same: the rows sum to more"
    " than one.",
    see=SUMS,
)
def no_tax(counts, discount):
    return variant(counts, discount, kept=counts.astype(float))


@kneser_ney.mistake(
    "The lower order gets D / c(h), as if one count had paid. Each of the t(h) different followers paid D.",
    see=RULES,
)
def one_payer(counts, discount):
    return variant(counts, discount, left=discount)


@kneser_ney.mistake(
    "The lower order gets D for each of the V tokens. Only those that followed h had something to pay.",
    see=RULES,
)
def all_pay(counts, discount):
    return variant(counts, discount, left=discount * len(counts))


@kneser_ney.mistake(
    "You handed what was paid only to the tokens that h has never seen. That is back-off, and without"
    " renormalising it the rows do not sum to one. Interpolation gives everybody a part.",
    see=PLANTED,
)
def back_off(counts, discount):
    met = counts > 0
    total, types = counts.sum(axis=1, keepdims=True), met.sum(axis=1, keepdims=True)
    lower = met.sum(axis=0) / met.sum()
    own = np.where(met, counts - discount, discount * types * lower) / np.maximum(total, 1)
    return np.where(total > 0, own, lower)


@kneser_ney.mistake(
    "After a token that nothing followed you return zeros: its total is 0, and nothing is left to hand"
    " on. There the lower order's answer stands.",
    see=RULES,
)
def empty_row(counts, discount):
    return np.where(counts.sum(axis=1, keepdims=True) > 0, variant(counts, discount), 0.0)


@kneser_ney.mistake(
    "After a token that nothing followed you get NaN: zero was divided by zero. There the lower order's"
    " answer stands.",
    see=RULES,
)
def not_a_number(counts, discount):
    return np.where(counts.sum(axis=1, keepdims=True) > 0, variant(counts, discount), np.nan)
