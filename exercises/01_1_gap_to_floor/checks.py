"""Checks of 01.1: a difference of sums, over a sum."""

import math
from fractions import Fraction

import numpy as np

from minillama.book.exercises import Hole

gap_to_floor = Hole("gap_to_floor")


gap_to_floor.case(
    "one story, by hand",
    0.25,
    model_nats=np.array([6.0]),
    story_nats=np.array([5.0]),
    tokens=np.array([4]),
)
gap_to_floor.case(
    "two stories of different length, by hand",
    0.5,
    model_nats=np.array([9.0, 7.0]),
    story_nats=np.array([8.0, 5.0]),
    tokens=np.array([4, 2]),
)
gap_to_floor.case(
    "a model that happens to beat the grammar, by hand",
    -0.5,
    model_nats=np.array([3.0, 4.0]),
    story_nats=np.array([5.0, 4.0]),
    tokens=np.array([1, 3]),
)


def exactly(model_nats, story_nats, tokens):
    """Sum token by token in exact fractions."""
    spent = sum(Fraction(float(m)) - Fraction(float(s)) for m, s in zip(model_nats, story_nats, strict=True))
    return float(spent / int(sum(tokens)))


@gap_to_floor.against(exactly, "random stories, against exact fractions")
def stories(rng):
    n = int(rng.integers(1, 7))
    floor = rng.uniform(20, 50, size=n)
    return {
        "model_nats": floor + rng.uniform(-1, 8, size=n),
        "story_nats": floor,
        "tokens": rng.integers(30, 90, size=n),
    }


@gap_to_floor.law("telling every story twice leaves the gap as it is", stories)
def twice(gap_to_floor, *given):
    return gap_to_floor(*(np.tile(x, 2) for x in given)), gap_to_floor(*given)


@gap_to_floor.mistake(
    "You took each story's own gap per token and averaged over the stories. A token of a short story"
    " then weighs more than one of a long story. Add up first, divide once.",
    see="What is to be learnt, in symbols",
)
def mean_of_ratios(model_nats, story_nats, tokens):
    return float(np.mean((model_nats - story_nats) / tokens))


@gap_to_floor.mistake(
    "Your result is the gap per story. Divide by the number of tokens instead, so that it does not grow"
    " with the length of the stories.",
    see="What is to be learnt, in symbols",
)
def per_story(model_nats, story_nats, tokens):
    return float(np.mean(model_nats - story_nats))


@gap_to_floor.mistake(
    "You averaged over the stories and then divided by all tokens: the number of stories is divided out"
    " twice. Take sums above the line as below it.",
    see="What is to be learnt, in symbols",
)
def mean_over_sum(model_nats, story_nats, tokens):
    return float((model_nats.mean() - story_nats.mean()) / tokens.sum())


@gap_to_floor.mistake(
    "Your result is in bits: it is the right one divided by ln 2 = 0.693. The losses come in nats, and"
    " the gap stays in nats.",
    see="What is to be learnt, in symbols",
)
def bits(model_nats, story_nats, tokens):
    return float((model_nats.sum() - story_nats.sum()) / tokens.sum() / math.log(2))


@gap_to_floor.mistake(
    "The sign is turned round: the gap is what the model needs less what the story costs, so a model"
    " that still has something to learn has a positive gap.",
    see="What is to be learnt, in symbols",
)
def turned_round(model_nats, story_nats, tokens):
    return float((story_nats.sum() - model_nats.sum()) / tokens.sum())


@gap_to_floor.mistake(
    "Your result is the loss itself, measured from zero. The stories' own nats have to be taken off: no"
    " model can do without them.",
    see="What is to be learnt, in symbols",
)
def loss_alone(model_nats, story_nats, tokens):
    return float(model_nats.sum() / tokens.sum())


@gap_to_floor.mistake(
    "You gave one gap per story. Asked for is a single number for all of them together: sum before"
    " you divide.",
    see="What is to be learnt, in symbols",
)
def not_summed(model_nats, story_nats, tokens):
    return (model_nats - story_nats) / tokens
