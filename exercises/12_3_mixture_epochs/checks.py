"""Checks of 12.3: LLaMA's table 1, and what draws add up to."""

from fractions import Fraction

import numpy as np

from minillama.book.exercises import Hole

TABLE = "The recipe of 2023"
STEP_5 = "Step 5: the mixture"

epochs = Hole("epochs")

epochs.case(
    "two sources, by hand",
    np.array([3.0, 0.25]),
    shares=np.array([30.0, 10.0]),
    sizes=np.array([100, 400]),
    budget=400,
)
epochs.case(
    "a source without a share is not read",
    np.array([0.0, 2.0, 1.0]),
    shares=np.array([0.0, 0.5, 0.5]),
    sizes=np.array([7, 25, 50]),
    budget=100,
)


def by_source(shares, sizes, budget):
    """One source at a time, in exact fractions."""
    exact = [Fraction(float(share)) for share in shares]
    return np.array([float(w / sum(exact) * budget / int(n)) for w, n in zip(exact, sizes, strict=True)])


@epochs.against(by_source, "random mixtures, against exact fractions", seeds=6)
def mixtures(rng):
    N = int(rng.integers(2, 6))
    return {
        "shares": rng.integers(1, 64, size=N) / 4,
        "sizes": rng.integers(50, 900, size=N),
        "budget": int(rng.integers(300, 4000)),
    }


@epochs.law("tokens read add up to the budget", mixtures, seeds=4)
def adds_up(epochs, shares, sizes, budget):
    return float(np.sum(epochs(shares, sizes, budget) * sizes)), float(budget)


@epochs.law("shares in per cent or as fractions: no difference", mixtures, seeds=3)
def unit(epochs, shares, sizes, budget):
    return epochs(100 * shares, sizes, budget), epochs(shares, sizes, budget)


@epochs.mistake(
    "The shares were not divided by their sum. They come in any unit; in per cent your epochs are a hundred"
    " times too many.",
    see=TABLE,
)
def not_normalised(shares, sizes, budget):
    return shares * budget / sizes


@epochs.mistake(
    "You divided by the tokens of all sources together. Epochs say how often one source is read: divide"
    " what is drawn from it by the tokens that it alone has.",
    see=TABLE,
)
def over_all(shares, sizes, budget):
    return shares / shares.sum() * budget / sizes.sum()


@epochs.mistake(
    "The shares are not in it: you gave budget over size, as if each source got all of the budget.",
    see=TABLE,
)
def no_shares(shares, sizes, budget):
    return np.where(shares > 0, budget / sizes, 0.0)


@epochs.mistake(
    "Your fraction stands upside down: tokens that there are over tokens drawn. Epochs are tokens drawn over"
    " tokens that there are.",
    see=TABLE,
)
def upside_down(shares, sizes, budget):
    with np.errstate(divide="ignore"):
        return sizes / (shares / shares.sum() * budget)


@epochs.mistake(
    "Your result is the tokens drawn from each source. Divide by the tokens that there are.",
    see=TABLE,
)
def tokens_drawn(shares, sizes, budget):
    return shares / shares.sum() * budget


@epochs.mistake(
    "You cut the epochs at one, as if a source could be read only once. LLaMA read Wikipedia 2.45 times.",
    see=TABLE,
)
def at_most_once(shares, sizes, budget):
    return np.minimum(1.0, shares / shares.sum() * budget / sizes)


@epochs.mistake(
    "You rounded to whole epochs. A last epoch may be broken off: GitHub was read 0.64 times.",
    see=TABLE,
)
def whole_epochs(shares, sizes, budget):
    return np.ceil(shares / shares.sum() * budget / sizes)


draw_probabilities = Hole("draw_probabilities")

draw_probabilities.case(
    "equal shares, documents of 100 and of 10 tokens, by hand",
    np.array([1 / 11, 10 / 11]),
    shares=np.array([1.0, 1.0]),
    sizes=np.array([300, 100]),
    documents=np.array([3, 10]),
)
draw_probabilities.case(
    "documents of one length: the shares themselves",
    np.array([0.75, 0.25]),
    shares=np.array([60.0, 20.0]),
    sizes=np.array([50, 400]),
    documents=np.array([5, 40]),
)
draw_probabilities.case(
    "a source without a share is never drawn",
    np.array([0.0, 0.8, 0.2]),
    shares=np.array([0.0, 2.0, 1.0]),
    sizes=np.array([40, 20, 20]),
    documents=np.array([4, 4, 2]),
)


def one_by_one(shares, sizes, documents):
    """Solve p l = w in exact fractions."""
    parts = [
        Fraction(float(w)) / Fraction(int(n), int(d))
        for w, n, d in zip(shares, sizes, documents, strict=True)
    ]
    return np.array([float(part / sum(parts)) for part in parts])


@draw_probabilities.against(one_by_one, "random sources, against exact fractions", seeds=6)
def sources(rng):
    N = int(rng.integers(2, 6))
    documents = rng.integers(2, 30, size=N)
    return {
        "shares": rng.integers(1, 64, size=N) / 4,
        "sizes": documents * rng.integers(5, 90, size=N) + rng.integers(0, 2, size=N),
        "documents": documents,
    }


@draw_probabilities.law("the tokens of a draw are shared as asked", sources, seeds=4)
def as_asked(draw_probabilities, shares, sizes, documents):
    tokens = draw_probabilities(shares, sizes, documents) * sizes / documents
    return tokens / tokens.sum(), shares / shares.sum()


def normal(parts):
    return parts / parts.sum()


@draw_probabilities.mistake(
    "You drew documents in proportion to the shares. The shares are of tokens: a source of long documents"
    " then gets too much. Divide by the mean length.",
    see=STEP_5,
)
def shares_alone(shares, sizes, documents):
    return normal(shares)


@draw_probabilities.mistake(
    "You multiplied by the mean length where it is to be divided by: long documents are to be drawn less"
    " often.",
    see=STEP_5,
)
def multiplied(shares, sizes, documents):
    return normal(shares * sizes / documents)


@draw_probabilities.mistake(
    "You divided by the tokens of the whole source instead of the mean length of a document. Then the size of"
    " a source would decide, not only its documents' length.",
    see=STEP_5,
)
def over_sizes(shares, sizes, documents):
    return normal(shares / sizes)


@draw_probabilities.mistake(
    "You weighed by the number of documents alone. Mean length is tokens over documents.",
    see=STEP_5,
)
def by_documents(shares, sizes, documents):
    return normal(shares * documents)


@draw_probabilities.mistake(
    "The proportions are right, the sum is not 1: divide by the sum after you have divided by the lengths,"
    " not before.",
    see=STEP_5,
)
def sum_not_one(shares, sizes, documents):
    return normal(shares) * documents / sizes


@draw_probabilities.mistake(
    "You left the shares out: every source gives the same number of tokens.",
    see=STEP_5,
)
def equal_shares(shares, sizes, documents):
    return normal(np.where(shares > 0, documents / sizes, 0.0))
