"""Checks of 03.2: add alpha."""

from fractions import Fraction

import numpy as np

from minillama.book.exercises import Hole

RULES = "One recursion, many rules"
COUNTING = "Counting, in symbols and in code"
SUMS = "Check: does it sum to one, and does anyone else agree?"

add_alpha = Hole("add_alpha")

add_alpha.case(
    "one context, by hand",
    np.array([[0.625, 0.125, 0.125, 0.125]]),
    counts=np.array([[2, 0, 0, 0]]),
    alpha=0.5,
)
add_alpha.case(
    "two contexts, by hand",
    np.array([[0.5, 0.25, 0.25], [0.125, 0.25, 0.625]]),
    counts=np.array([[1, 0, 0], [0, 1, 4]]),
    alpha=1.0,
)
add_alpha.case(
    "a context that was never met: all tokens alike",
    np.array([[0.25, 0.25, 0.25, 0.25], [0.4, 0.2, 0.2, 0.2]]),
    counts=np.array([[0, 0, 0, 0], [1, 0, 0, 0]]),
    alpha=1.0,
)


def with_fractions(counts, alpha):
    """Add alpha to every count as an exact fraction, then share out."""
    rows = []
    for row in counts.tolist():
        raised = [Fraction(c) + Fraction(alpha) for c in row]
        rows.append([float(c / sum(raised)) for c in raised])
    return np.array(rows)


@add_alpha.against(with_fractions, "random tables, against exact fractions", seeds=6)
def tables(rng):
    shape = int(rng.integers(2, 5)), int(rng.integers(5, 8))
    return {"counts": rng.poisson(1.2, size=shape), "alpha": float(rng.choice([0.01, 0.3, 2.0]))}


@add_alpha.law("every row sums to one", tables, seeds=3)
def sums(add_alpha, counts, alpha):
    return add_alpha(counts, alpha).sum(axis=1), np.ones(len(counts))


@add_alpha.mistake(
    "α was added once to the sum of the row. It was added to V counts, so the sum grew by α V; as it is, the"
    " probabilities of a row sum to more than one.",
    see=SUMS,
)
def without_vocabulary(counts, alpha):
    return (counts + alpha) / (counts.sum(axis=1, keepdims=True) + alpha)


@add_alpha.mistake(
    "α was added to the counts, but the rows were divided by their old sums: the probabilities sum to"
    " more than one, and a context without counts divides by zero.",
    see=SUMS,
)
def old_sum(counts, alpha):
    with np.errstate(divide="ignore"):
        return (counts + alpha) / counts.sum(axis=1, keepdims=True)


@add_alpha.mistake(
    "The table was divided by one number, the sum of all of it. Each context has a distribution of its"
    " own: sum along the rows.",
    see=COUNTING,
)
def whole_table(counts, alpha):
    raised = counts + alpha
    return raised / raised.sum()


@add_alpha.mistake(
    "The columns sum to one, not the rows. A row is a context, and what may follow it lies along the last"
    " axis.",
    see=COUNTING,
)
def columns(counts, alpha):
    raised = counts + alpha
    return raised / raised.sum(axis=0, keepdims=True)


@add_alpha.mistake(
    "In the denominator stands α times the number of contexts. What matters is how many tokens there are"
    " to choose from: V, the number of columns.",
    see=RULES,
)
def contexts_for_tokens(counts, alpha):
    return (counts + alpha) / (counts.sum(axis=1, keepdims=True) + alpha * counts.shape[0])


@add_alpha.mistake(
    "Only the tokens that were seen got their α: in the denominator you counted the types of the row, and"
    " unseen tokens stay at zero or are not paid for. All V tokens get it.",
    see=RULES,
)
def seen_only(counts, alpha):
    raised = np.where(counts > 0, counts + alpha, 0.0)
    with np.errstate(invalid="ignore"):
        return raised / raised.sum(axis=1, keepdims=True)


@add_alpha.mistake(
    "1 was added to every count, not α. Adding one is the special case; with a large vocabulary it gives"
    " away far too much.",
    see=RULES,
)
def always_one(counts, alpha):
    raised = counts + 1.0
    return raised / raised.sum(axis=1, keepdims=True)


@add_alpha.mistake(
    "These are the plain frequencies mixed with the uniform distribution in fixed shares, (1 - α) and α."
    " That is Jelinek and Mercer's way; here a context with many counts must be changed less than one with"
    " few.",
    see=RULES,
)
def fixed_share(counts, alpha):
    total = counts.sum(axis=1, keepdims=True)
    plain = np.where(total > 0, counts / np.maximum(total, 1), 1 / counts.shape[1])
    return (1 - alpha) * plain + alpha / counts.shape[1]
