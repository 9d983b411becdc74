"""Checks of 03.4: the weights of a mixture."""

from fractions import Fraction

import numpy as np

from minillama.book.exercises import Hole

RULES = "One recursion, many rules"
CHOOSE = "Which rule?"
SUMS = "Check: does it sum to one, and does anyone else agree?"

mixture_weights = Hole("mixture_weights")

mixture_weights.case(
    "no round: equal weights",
    np.array([0.25, 0.25, 0.25, 0.25]),
    q=np.array([[0.1, 0.2, 0.3, 0.9]]),
    rounds=0,
)
mixture_weights.case(
    "one round, by hand", np.array([0.375, 0.625]), q=np.array([[0.6, 0.2], [0.0, 0.5]]), rounds=1
)
mixture_weights.case(
    "two rounds, by hand: the credits of the second are (9/14, 5/14) and (0, 1)",
    np.array([9 / 28, 19 / 28]),
    q=np.array([[0.6, 0.2], [0.0, 0.5]]),
    rounds=2,
)
mixture_weights.case(
    "three models that know one token each",
    np.array([0.5, 0.25, 0.25]),
    q=np.array([[0.2, 0.0, 0.0], [0.9, 0.0, 0.0], [0.0, 0.3, 0.0], [0.0, 0.0, 0.1]]),
    rounds=3,
)


def with_fractions(q, rounds):
    """Token by token, in exact fractions."""
    table = [[Fraction(value) for value in row] for row in q.tolist()]
    weights = [Fraction(1, len(table[0]))] * len(table[0])
    for _ in range(rounds):
        credit = [Fraction(0)] * len(weights)
        for row in table:
            mixture = sum(w * p for w, p in zip(weights, row, strict=True))
            for m, (w, p) in enumerate(zip(weights, row, strict=True)):
                credit[m] += w * p / mixture
        weights = [c / len(table) for c in credit]
    return np.array([float(w) for w in weights])


@mixture_weights.against(with_fractions, "random models, against exact fractions", seeds=6)
def models(rng):
    N, M = int(rng.integers(5, 9)), int(rng.integers(2, 5))
    return {"q": rng.integers(1, 64, size=(N, M)) / 64, "rounds": int(rng.integers(2, 4))}


@mixture_weights.law("one more round never makes the text less likely", models, seeds=4)
def better(mixture_weights, q, rounds):
    loss = [-np.sum(np.log(q @ mixture_weights(q, r))) for r in (rounds, rounds + 1)]
    return bool(loss[1] <= loss[0] + 1e-12), True


def renewed(q, rounds, credit):
    """Run the loop with another way of giving credit."""
    weights = np.full(q.shape[1], 1 / q.shape[1])
    for _ in range(rounds):
        weights = credit(weights, q)
    return weights


def shares(parts, axis=1):
    return parts / parts.sum(axis=axis, keepdims=True)


@mixture_weights.mistake(
    "Every round gives what the first one gave: the old weights do not enter the credit, which you"
    " shared by q alone, or the loop ends after its first round. A model's part in the mixture is its"
    " weight times its probability.",
    see=RULES,
)
def weights_forgotten(q, rounds):
    return renewed(q, rounds, lambda w, q: shares(q).mean(axis=0))


@mixture_weights.mistake(
    "The probabilities were averaged over the tokens first, and the credit shared after that. Credit is"
    " given for each token by itself: on a hard token a small probability may be all there is.",
    see=RULES,
)
def averaged_first(q, rounds):
    def credit(w, q):
        total = (w * q).mean(axis=0)
        return total / total.sum()

    return renewed(q, rounds, credit)


@mixture_weights.mistake(
    "The whole credit for a token went to the model with the largest part in it. It is shared, in"
    " proportion to the parts.",
    see=RULES,
)
def winner_takes_all(q, rounds):
    def credit(w, q):
        return np.eye(q.shape[1])[np.argmax(w * q, axis=1)].mean(axis=0)

    return renewed(q, rounds, credit)


@mixture_weights.mistake(
    "The credits were divided by the sum over the tokens, so that each model shares out one credit over"
    " the text. It is the other way round: each token shares out one credit over the models.",
    see=SUMS,
)
def over_the_tokens(q, rounds):
    def credit(w, q):
        parts = w * q
        return (parts / np.maximum(parts.sum(axis=0, keepdims=True), 1e-300)).mean(axis=0)

    return renewed(q, rounds, credit)


@mixture_weights.mistake(
    "The credits were summed and not averaged: the weights sum to the number of tokens. They must sum to"
    " one, or the mixture is no distribution.",
    see=SUMS,
)
def summed(q, rounds):
    return renewed(q, rounds, lambda w, q: shares(w * q).sum(axis=0))


@mixture_weights.mistake(
    "You did one round more than asked. With 0 rounds the weights are still all equal.", see=CHOOSE
)
def one_round_more(q, rounds):
    return renewed(q, rounds + 1, lambda w, q: shares(w * q).mean(axis=0))


@mixture_weights.mistake(
    "The credit was shared by the logarithms of the probabilities. A mixture adds probabilities;"
    " logarithms are for the loss.",
    see=RULES,
)
def logarithms(q, rounds):
    def credit(w, q):
        parts = w * -np.log(np.maximum(q, 1e-300))
        return shares(parts).mean(axis=0)

    return renewed(q, rounds, credit)
