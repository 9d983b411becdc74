"""Checks of 16.2: four ways to compare choices."""

import math
from fractions import Fraction

import numpy as np

from minillama.book.exercises import Hole

DIVIDE = "What to divide by"
HAND = "One question by hand"

pick = Hole("pick")

NATS, ALONE, TOKENS = np.array([-2.0, -3.0]), np.array([-1.0, -8.0]), np.array([1, 3])
CHOICES = [" yes", " an apple"]
for rule, answer in (("raw", 0), ("token", 1), ("byte", 1), ("unconditional", 1)):
    pick.case(
        f"yes or an apple, by hand: {rule}",
        answer,
        log_likelihoods=NATS,
        unconditional=ALONE,
        tokens=TOKENS,
        choices=CHOICES,
        rule=rule,
    )
pick.case(
    "three choices, by hand: -1, -2 and +1 nats against the answer alone",
    2,
    log_likelihoods=np.array([-2.0, -10.0, -6.0]),
    unconditional=np.array([-1.0, -8.0, -7.0]),
    tokens=np.array([1, 4, 3]),
    choices=[" no", " never again", " perhaps"],
    rule="unconditional",
)
pick.case(
    "the space does not count: -2/1 against -5/3",
    1,
    log_likelihoods=np.array([-2.0, -5.0]),
    unconditional=np.array([-1.0, -1.0]),
    tokens=np.array([1, 1]),
    choices=[" a", " abc"],
    rule="byte",
)
pick.case(
    "bytes are not letters: -6/6 against -4/3",
    0,
    log_likelihoods=np.array([-6.0, -4.0]),
    unconditional=np.array([-1.0, -1.0]),
    tokens=np.array([1, 1]),
    choices=[" éèê", " abc"],
    rule="byte",
)
pick.case(
    "of equal ones the first",
    1,
    log_likelihoods=np.array([-4.0, -2.0, -2.0]),
    unconditional=np.array([-1.0, -1.0, -1.0]),
    tokens=np.array([1, 2, 2]),
    choices=[" a", " b", " c"],
    rule="raw",
)


def in_fractions(log_likelihoods, unconditional, tokens, choices, rule):
    """Compare exact fractions, one choice after another."""
    best, answer = None, 0
    for i, choice in enumerate(choices):
        score = Fraction(float(log_likelihoods[i]))
        if rule == "token":
            score /= int(tokens[i])
        if rule == "byte":
            score /= len(bytes(choice.strip(" "), "utf-8"))
        if rule == "unconditional":
            score -= Fraction(float(unconditional[i]))
        if best is None or score > best:
            best, answer = score, i
    return answer


@pick.against(in_fractions, "random choices, against exact fractions", seeds=24)
def questions(rng):
    n = int(rng.integers(3, 6))
    letters = np.array(list("abcdeéüñ"))
    choices = [" " + "".join(rng.choice(letters, int(rng.integers(1, 12)))) for _ in range(n)]
    lengths = np.array([len(choice) for choice in choices])
    return {
        "log_likelihoods": -lengths * rng.uniform(0.5, 1.0, n) - rng.uniform(0, 2, n),
        "unconditional": -lengths * rng.uniform(0.4, 1.2, n) - rng.uniform(0, 2, n),
        "tokens": np.maximum(1, lengths // 2 + rng.integers(-1, 2, n)),
        "choices": choices,
        "rule": ("raw", "token", "byte", "unconditional")[int(rng.integers(0, 4))],
    }


@pick.law("the same nats off every likelihood: raw picks the same", questions, seeds=3)
def shifted(pick, log_likelihoods, unconditional, tokens, choices, rule):
    rest = (unconditional, tokens, choices, "raw")
    return pick(log_likelihoods - 1.5, *rest), pick(log_likelihoods, *rest)


def scored(log_likelihoods, unconditional, tokens, choices, rule, **other):
    """Pick with some rules exchanged, by their names with an underscore."""
    rules = {
        "raw": lambda: log_likelihoods,
        "token": lambda: log_likelihoods / tokens,
        "byte": lambda: log_likelihoods / [len(choice.strip().encode()) for choice in choices],
        "unconditional": lambda: log_likelihoods - unconditional,
    }
    return int(np.argmax((rules | {name.rstrip("_"): how for name, how in other.items()})[rule]()))


@pick.mistake(
    "The smallest score was picked. Log-likelihoods are negative: the likeliest choice is the one nearest to"
    " zero, the largest.",
    see=HAND,
)
def smallest(log_likelihoods, unconditional, tokens, choices, rule):
    flipped = -log_likelihoods, -unconditional, tokens, choices, rule
    return scored(*flipped)


@pick.mistake(
    "Bytes were counted as letters. An é is one letter and two bytes in UTF-8: count choice.encode().",
    see=DIVIDE,
)
def letters_for_bytes(log_likelihoods, unconditional, tokens, choices, rule):
    return scored(
        log_likelihoods, unconditional, tokens, choices, rule,
        byte_=lambda: log_likelihoods / [len(choice.strip()) for choice in choices],
    )  # fmt: skip


@pick.mistake(
    "The space in front of a choice was counted among its bytes. It belongs to the prompt's form, not to the"
    " answer, and it weighs most on short choices.",
    see=DIVIDE,
)
def space_counted(log_likelihoods, unconditional, tokens, choices, rule):
    return scored(
        log_likelihoods, unconditional, tokens, choices, rule,
        byte_=lambda: log_likelihoods / [len(choice.encode()) for choice in choices],
    )  # fmt: skip


@pick.mistake(
    "The log-likelihoods were divided by one another. A ratio of probabilities is a *difference* of their"
    " logarithms.",
    see=DIVIDE,
)
def ratio_of_logs(log_likelihoods, unconditional, tokens, choices, rule):
    return scored(
        log_likelihoods, unconditional, tokens, choices, rule,
        unconditional_=lambda: log_likelihoods / unconditional,
    )  # fmt: skip


@pick.mistake(
    "The difference has the wrong sign: you picked the choice that the question makes *less* likely.",
    see=DIVIDE,
)
def wrong_sign(log_likelihoods, unconditional, tokens, choices, rule):
    return scored(
        log_likelihoods, unconditional, tokens, choices, rule,
        unconditional_=lambda: unconditional - log_likelihoods,
    )  # fmt: skip


@pick.mistake(
    "The log-likelihoods were multiplied by the number of tokens, which punishes long choices twice. Divide.",
    see=DIVIDE,
)
def multiplied(log_likelihoods, unconditional, tokens, choices, rule):
    return scored(
        log_likelihoods, unconditional, tokens, choices, rule, token_=lambda: log_likelihoods * tokens
    )


@pick.mistake(
    "The likelihoods, not their logarithms, were divided by the length: exp(-20) / 5 is hardly another number"
    " than exp(-20). What is averaged over the tokens is the logarithm.",
    see=DIVIDE,
)
def likelihood_divided(log_likelihoods, unconditional, tokens, choices, rule):
    return scored(
        log_likelihoods, unconditional, tokens, choices, rule,
        token_=lambda: log_likelihoods - np.log(tokens),
        byte_=lambda: log_likelihoods - [math.log(len(choice.strip().encode())) for choice in choices],
    )  # fmt: skip


@pick.mistake(
    "The rule was not looked at: all answers are those of the raw likelihood.",
    see=DIVIDE,
)
def always_raw(log_likelihoods, unconditional, tokens, choices, rule):
    return int(np.argmax(log_likelihoods))
