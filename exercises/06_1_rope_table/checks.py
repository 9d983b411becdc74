"""Checks of 06.1: frequencies and the table of angles."""

import math

import numpy as np

from minillama.book.exercises import Hole

LADDER = "The angle ladder"
PLANTED = "Planted mistakes, and the tests that see them"
LAYOUTS = "Two layouts"

frequencies = Hole("frequencies")

frequencies.case("one pair: it turns by a radian", np.array([1.0]), head_dim=2, theta=10_000.0)
frequencies.case("four pairs, by hand", np.array([1.0, 0.1, 0.01, 0.001]), head_dim=8, theta=10_000.0)
frequencies.case("base 64, by hand", np.array([1.0, 0.25, 0.0625]), head_dim=6, theta=64.0)


def one_by_one(head_dim, theta):
    """Each frequency by an exponential of a logarithm."""
    return np.array([math.exp(-2 * j / head_dim * math.log(theta)) for j in range(head_dim // 2)])


@frequencies.against(one_by_one, "other widths and bases, one frequency at a time", seeds=5)
def shapes(rng):
    return {"head_dim": 2 * int(rng.integers(2, 9)), "theta": float(rng.choice([100.0, 1e4, 5e5]))}


@frequencies.mistake(
    "The exponent is j/D where 2j/D belongs, so the ladder has half as many octaves. With base 10,000 you"
    " have built the RoPE of base 100.",
    see=PLANTED,
)
def half_exponent(head_dim, theta):
    return theta ** (-np.arange(head_dim // 2) / head_dim)


@frequencies.mistake(
    "The exponent is 4j/D: 2j was divided by D/2. One factor of two is enough, 2j/D and j/(D/2) are the"
    " same.",
    see=LADDER,
)
def double_exponent(head_dim, theta):
    return theta ** (-np.arange(0, head_dim, 2) / (head_dim // 2))


@frequencies.mistake(
    "The exponent lost its minus: your pairs turn faster and faster. The slowest turns by about 1/theta.",
    see=LADDER,
)
def upwards(head_dim, theta):
    return theta ** (np.arange(0, head_dim, 2) / head_dim)


@frequencies.mistake(
    "You counted j from 1. The paper does, and subtracts 1 again: its exponent is -2(i-1)/d. The first"
    " pair turns by exactly one radian.",
    see=LADDER,
)
def from_one(head_dim, theta):
    return theta ** (-2 * np.arange(1, head_dim // 2 + 1) / head_dim)


@frequencies.mistake(
    "You return D numbers, each frequency twice. There is one for each pair: D/2.", see=LADDER
)
def twice(head_dim, theta):
    return np.repeat(theta ** (-np.arange(0, head_dim, 2) / head_dim), 2)


@frequencies.mistake(
    "You return wavelengths, positions per turn. Asked for are radians per position: 2 pi over that.",
    see=LADDER,
)
def wavelengths(head_dim, theta):
    return 2 * np.pi * theta ** (np.arange(0, head_dim, 2) / head_dim)


rope_table = Hole("rope_table")

rope_table.case(
    "position 0: nothing has turned",
    (np.ones((1, 3)), np.zeros((1, 3))),
    head_dim=6,
    theta=10_000.0,
    start=0,
    end=1,
)
rope_table.case(
    "one pair, three positions, by hand",
    (
        np.array([[1.0], [math.cos(1)], [math.cos(2)]]),
        np.array([[0.0], [math.sin(1)], [math.sin(2)]]),
    ),
    head_dim=2,
    theta=10_000.0,
    start=0,
    end=3,
)
rope_table.case(
    "a chunk that begins at position 100: 100 and 10 radians",
    (np.array([[math.cos(100), math.cos(10)]]), np.array([[math.sin(100), math.sin(10)]])),
    head_dim=4,
    theta=100.0,
    start=100,
    end=101,
)


def entry_by_entry(head_dim, theta, start, end):
    """Loop over positions and pairs with Python's own numbers."""
    angles = [
        [m * math.exp(-2 * j / head_dim * math.log(theta)) for j in range(head_dim // 2)]
        for m in range(start, end)
    ]
    return tuple(np.array([[f(a) for a in row] for row in angles]) for f in (math.cos, math.sin))


@rope_table.against(entry_by_entry, "chunks from anywhere, against loops over single numbers", seeds=5)
def chunks(rng):
    start = int(rng.integers(1, 300))
    return {
        "head_dim": 2 * int(rng.integers(2, 6)),
        "theta": float(rng.choice([100.0, 1e4, 5e5])),
        "start": start,
        "end": start + int(rng.integers(2, 6)),
    }


@rope_table.law("two chunks together are the table of the whole", chunks, seeds=3)
def joined(rope_table, head_dim, theta, start, end):
    first, second = rope_table(head_dim, theta, 0, start), rope_table(head_dim, theta, start, end)
    whole = rope_table(head_dim, theta, 0, end)
    return tuple(np.concatenate(parts) for parts in zip(first, second, strict=True)), whole


def table(head_dim, theta, start, end, shift=0, change=lambda angles: angles):
    """Make the table with something changed."""
    omega = theta ** (-np.arange(0, head_dim, 2) / head_dim)
    angles = change(np.outer(np.arange(start, end) + shift, omega))
    return np.cos(angles), np.sin(angles)


@rope_table.mistake(
    "Your positions are counted from the beginning of the chunk. They are counted from the beginning of"
    " the text: start, start + 1, ...",
    see=PLANTED,
)
def from_the_chunk(head_dim, theta, start, end):
    return table(head_dim, theta, 0, end - start)


@rope_table.mistake(
    "Your table begins at 0, and has a row for every position up to `end`. Only those from `start` on are"
    " wanted.",
    see=PLANTED,
)
def all_from_zero(head_dim, theta, start, end):
    return table(head_dim, theta, 0, end)


@rope_table.mistake("`end` is in your table. It should stop one before, as Python's ranges do.", see=LADDER)
def inclusive(head_dim, theta, start, end):
    return table(head_dim, theta, start, end + 1)


@rope_table.mistake(
    "Your positions are counted from 1. Scores would not mind, but position 0 should not have turned.",
    see=PLANTED,
)
def counted_from_one(head_dim, theta, start, end):
    return table(head_dim, theta, start, end, shift=1)


@rope_table.mistake(
    "The angles were made into degrees. NumPy's cosine and sine take radians, and m times omega is in"
    " radians.",
    see=PLANTED,
)
def degrees(head_dim, theta, start, end):
    return table(head_dim, theta, start, end, change=np.rad2deg)


@rope_table.mistake(
    "m times omega was taken for degrees: everything turns 57 times too slowly. It is in radians.", see=LADDER
)
def taken_for_degrees(head_dim, theta, start, end):
    return table(head_dim, theta, start, end, change=np.deg2rad)


@rope_table.mistake("Cosine and sine have changed places: first cos, then sin.", see=PLANTED)
def exchanged(head_dim, theta, start, end):
    return table(head_dim, theta, start, end)[::-1]


@rope_table.mistake(
    "Your exponents are j/D. Pair j turns by theta to the power -2j/D.",
    see=PLANTED,
)
def half_exponent_table(head_dim, theta, start, end):
    return table(head_dim, math.sqrt(theta), start, end)


@rope_table.mistake(
    "Your table has D columns: the pairs stand in it twice, as Hugging Face's does. Asked for is one"
    " column a pair, D/2.",
    see=LAYOUTS,
)
def doubled(head_dim, theta, start, end):
    return tuple(np.concatenate([part, part], axis=-1) for part in table(head_dim, theta, start, end))
