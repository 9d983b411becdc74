"""Checks of 01.2: sampling from softmax(logits / temperature) with a given random number."""

import math

import numpy as np

from minillama.book.exercises import Hole

TOLD = "What it tells"
WAY = "The machine, and one token's way through it"

sample_next = Hole("sample_next")

sample_next.case(
    "equal scores, by hand",
    np.array([2]),
    logits=np.zeros((1, 4)),
    temperature=1.0,
    u=np.array([0.6]),
)
sample_next.case(
    "equal scores, by hand",
    np.array([2, 0]),
    logits=np.zeros((2, 4)),
    temperature=1.0,
    u=np.array([0.6, 0.1]),
)
sample_next.case(
    "two rows with probabilities 1/5, 4/5 and 4/5, 1/5, by hand",
    np.array([1, 0]),
    logits=np.array([[0.0, math.log(4)], [math.log(4), 0.0]]),
    temperature=1.0,
    u=np.array([0.3, 0.7]),
)
sample_next.case(
    "temperature 1/2 makes 4 to 1 into 16 to 1, by hand",
    np.array([0, 1]),
    logits=np.array([[math.log(4), 0.0], [math.log(4), 0.0]]),
    temperature=0.5,
    u=np.array([0.9, 0.95]),
)
sample_next.case(
    "a stretch begins with its first point: u = 0.5 on four equal ones",
    np.array([2, 0]),
    logits=np.zeros((2, 4)),
    temperature=1.0,
    u=np.array([0.5, 0.0]),
)
sample_next.case(
    "scores around 1000",
    np.array([1]),
    logits=np.array([[1000.0, 1000.0 + math.log(4)]]),
    temperature=1.0,
    u=np.array([0.3]),
)


def walk(logits, temperature, u):
    """Walk along the line, token by token."""
    drawn = []
    for row, point in zip(logits.tolist(), u.tolist(), strict=True):
        top = max(row)
        weights = [math.exp((score - top) / temperature) for score in row]
        left, token = point * math.fsum(weights), 0
        while left >= weights[token]:
            left -= weights[token]
            token += 1
        drawn.append(token)
    return np.array(drawn)


@sample_next.against(walk, "random scores, against a walk along the line", seeds=8)
def scores(rng):
    rows, tokens = int(rng.integers(1, 4)), int(rng.integers(5, 9))
    return {
        "logits": rng.normal(scale=2, size=(rows, tokens)),
        "temperature": float(rng.choice([0.5, 0.8, 1.5])),
        "u": rng.uniform(size=rows),
    }


@sample_next.law("adding one number to all scores of a row changes nothing", scores)
def shift(sample_next, logits, temperature, u):
    shifted = logits + 3.0 * np.arange(1, len(logits) + 1)[:, None]
    return sample_next(shifted, temperature, u), sample_next(logits, temperature, u)


@sample_next.law("next to temperature 0, the largest score is drawn", scores)
def cold(sample_next, logits, temperature, u):
    return sample_next(logits, 1e-4, u), logits.argmax(axis=-1)


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def draw(p, u):
    return (p.cumsum(axis=-1) <= u[:, None]).sum(axis=-1)


@sample_next.mistake(
    "You multiplied the scores by the temperature. They are divided by it: below 1, that drives them apart.",
    see=TOLD,
)
def multiplied(logits, temperature, u):
    return draw(softmax(logits * temperature), u)


@sample_next.mistake(
    "Your draws do not depend on the temperature: the scores are not divided by it.", see=TOLD
)
def no_temperature(logits, temperature, u):
    return draw(softmax(logits), u)


@sample_next.mistake(
    "You divided the probabilities by the temperature, not the scores. What stands on the line after"
    " that does not add up to 1: divide before the softmax.",
    see=TOLD,
)
def after_softmax(logits, temperature, u):
    return np.minimum(draw(softmax(logits) / temperature, u), logits.shape[-1] - 1)


@sample_next.mistake(
    "The softmax runs over the wrong axis: the same token's scores in different texts compete. Each row"
    " is a text of its own, and its probabilities add up to 1: axis=-1, with keepdims=True.",
    see=WAY,
)
def over_texts(logits, temperature, u):
    return np.minimum(draw(softmax(logits / temperature, axis=0), u), logits.shape[-1] - 1)


@sample_next.mistake(
    "You always take the largest score, whatever `u` is. That is greedy decoding: every text would be"
    " the same. The number `u` decides which token is drawn.",
    see=TOLD,
)
def greedy(logits, temperature, u):
    return (logits / temperature).argmax(axis=-1)


@sample_next.mistake(
    "Right for small scores, but exp(1000) overflows and leaves inf / inf. Subtract each row's largest"
    " score first: the probabilities stay the same.",
    see=WAY,
)
def overflow(logits, temperature, u):
    e = np.exp(logits / temperature)
    return draw(e / e.sum(axis=-1, keepdims=True), u)


@sample_next.mistake(
    "You draw the token after the right one. Count the cumulative probabilities that are at most `u`,"
    " and the count is the token's id: none below it means token 0.",
    see=TOLD,
)
def one_late(logits, temperature, u):
    return draw(softmax(logits / temperature), u) + 1


@sample_next.mistake(
    "You sorted the probabilities, and return a place in the sorted order instead of a token's id. The"
    " order on the line is that of the ids: no sorting is needed.",
    see=TOLD,
)
def rank(logits, temperature, u):
    return draw(-np.sort(-softmax(logits / temperature), axis=-1), u)


@sample_next.mistake(
    "You compare a (B, V) array with the (B,) array `u`: NumPy lines up the last axes, V with B. Give"
    " `u` an axis of length 1 behind its own, `u[:, None]`, and each row meets its own number.",
    see=WAY,
)
def unaligned(logits, temperature, u):
    return (softmax(logits / temperature).cumsum(axis=-1) <= u).sum(axis=-1)


@sample_next.mistake(
    "Where `u` falls exactly on the end of a stretch, you draw the token that ends there. Asked for is"
    " the first token whose cumulative probability is *greater* than `u`, or a token of probability 0"
    " could be drawn.",
    see=TOLD,
)
def end_included(logits, temperature, u):
    return (softmax(logits / temperature).cumsum(axis=-1) < u[:, None]).sum(axis=-1)
