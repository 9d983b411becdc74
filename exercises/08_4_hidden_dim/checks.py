"""Checks of 08.4: where 11008 comes from."""

import math
from fractions import Fraction

from minillama.book.exercises import Hole

MULTIPLES = "Multiples"
THIRDS = "Two thirds: the same budget in three matrices"

hidden_dim = Hole("hidden_dim")

hidden_dim.case("12 channels: 32, a multiple of 8 already", 32, dim=12, multiplier=1.0, multiple_of=8)
hidden_dim.case("13 channels: 34.67, down to 34, up to 40", 40, dim=13, multiplier=1.0, multiple_of=8)
hidden_dim.case("LLaMA 7B", 11008, dim=4096, multiplier=1.0, multiple_of=256)
hidden_dim.case("LLaMA 33B", 17920, dim=6656, multiplier=1.0, multiple_of=256)
hidden_dim.case("Llama 2 70B", 28672, dim=8192, multiplier=1.3, multiple_of=4096)
hidden_dim.case("Llama 3 8B", 14336, dim=4096, multiplier=1.3, multiple_of=1024)
hidden_dim.case("Llama 3.2 1B", 8192, dim=2048, multiplier=1.5, multiple_of=256)
hidden_dim.case(
    "the first rounding counts: 5.33 is 5, and 1.25 times that 6.25, down to 6",
    6,
    dim=2,
    multiplier=1.25,
    multiple_of=1,
)
hidden_dim.case(
    "so does the second: 10.67 is 10, and 1.25 times that 12.5, down to 12",
    12,
    dim=4,
    multiplier=1.25,
    multiple_of=4,
)
hidden_dim.case(
    "the first rounding, once more: 13.33 is 13, times 1.5 is 19.5, down to 19",
    19,
    dim=5,
    multiplier=1.5,
    multiple_of=1,
)


def by_fractions(dim, multiplier, multiple_of):
    """Take the three steps in exact fractions, and count up the multiples one by one."""
    hidden = math.floor(Fraction(8 * dim, 3))
    hidden = math.floor(Fraction(multiplier) * hidden)
    width = 0
    while width < hidden:
        width += multiple_of
    return width


@hidden_dim.against(by_fractions, "random sizes, in exact fractions", seeds=8)
def sizes(rng):
    return {
        "dim": int(rng.integers(20, 400)),
        "multiplier": float(rng.choice([1.0, 1.25, 1.5, 1.75])),
        "multiple_of": int(rng.choice([1, 3, 8, 32])),
    }


@hidden_dim.law("the width is a multiple", sizes, seeds=4)
def is_a_multiple(hidden_dim, dim, multiplier, multiple_of):
    return hidden_dim(dim, multiplier, multiple_of) % multiple_of, 0


def third(dim):
    return int(8 * dim / 3)


def up(n, m):
    return -(-n // m) * m


@hidden_dim.mistake(
    "You rounded down to the multiple. Meta's program rounds up: LLaMA 7B would have 10752.", see=MULTIPLES
)
def rounded_down(dim, multiplier, multiple_of):
    return int(multiplier * third(dim)) // multiple_of * multiple_of


@hidden_dim.mistake(
    "You rounded to the nearest multiple. The rule is the next one up, even if the one below is nearer.",
    see=MULTIPLES,
)
def nearest(dim, multiplier, multiple_of):
    return (2 * int(multiplier * third(dim)) + multiple_of) // (2 * multiple_of) * multiple_of


@hidden_dim.mistake(
    "A number that is a multiple already was moved on to the next one. Add multiple_of - 1 before you"
    " divide, not multiple_of.",
    see=MULTIPLES,
)
def one_too_far(dim, multiplier, multiple_of):
    return (int(multiplier * third(dim)) // multiple_of + 1) * multiple_of


@hidden_dim.mistake(
    "You rounded up to the multiple before the multiplier. It comes first; otherwise the result need not be a"
    " multiple.",
    see=MULTIPLES,
)
def multiple_before_multiplier(dim, multiplier, multiple_of):
    return int(multiplier * up(third(dim), multiple_of))


@hidden_dim.mistake(
    "The multiplier is missing: it widens the layer after the two thirds, before the multiple.", see=MULTIPLES
)
def no_multiplier(dim, multiplier, multiple_of):
    return up(third(dim), multiple_of)


@hidden_dim.mistake(
    "Two thirds were taken twice. They turn 4 dim into 8/3 dim, once: the third matrix is then paid for.",
    see=THIRDS,
)
def two_thirds_twice(dim, multiplier, multiple_of):
    return up(int(multiplier * int(2 * third(dim) / 3)), multiple_of)


@hidden_dim.mistake(
    "The two thirds are missing: 4 dim is the width of a layer with two matrices, or of PaLM's.", see=THIRDS
)
def four_dim(dim, multiplier, multiple_of):
    return up(int(multiplier * 4 * dim), multiple_of)


@hidden_dim.mistake("The four is missing: two thirds of 4 dim, not of dim.", see=THIRDS)
def two_thirds_of_dim(dim, multiplier, multiple_of):
    return up(int(multiplier * int(2 * dim / 3)), multiple_of)


@hidden_dim.mistake(
    "The first rounding is missing: 8/3 dim becomes a whole number before the multiplier. It matters where"
    " the result sits at an edge.",
    see=MULTIPLES,
)
def one_rounding(dim, multiplier, multiple_of):
    return up(math.floor(Fraction(multiplier) * Fraction(8 * dim, 3)), multiple_of)


@hidden_dim.mistake(
    "You rounded to the nearest whole number in between. Both roundings before the multiple go down.",
    see=MULTIPLES,
)
def rounded_between(dim, multiplier, multiple_of):
    return up(math.floor(multiplier * math.floor(8 * dim / 3 + 0.5) + 0.5), multiple_of)
