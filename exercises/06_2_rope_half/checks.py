"""Checks of 06.2: RoPE in the half layout."""

import cmath

import numpy as np

from minillama.book.exercises import Hole

LAYOUTS = "Two layouts"
PLANTED = "Planted mistakes, and the tests that see them"

rope_half = Hole("rope_half")

rope_half.case(
    "a quarter turn of one pair, by hand",
    np.array([[-2.0, 1.0]]),
    x=np.array([[1.0, 2.0]]),
    cos=np.zeros((1, 1)),
    sin=np.ones((1, 1)),
)
rope_half.case(
    "two pairs: a quarter turn and a half turn, by hand",
    np.array([[-3.0, -2.0, 1.0, -4.0]]),
    x=np.array([[1.0, 2.0, 3.0, 4.0]]),
    cos=np.array([[0.0, -1.0]]),
    sin=np.array([[1.0, 0.0]]),
)
rope_half.case(
    "two positions, the first not turned, by hand: cosine 0.6, sine 0.8",
    np.array([[10.0, 5.0], [2.0, 11.0]]),
    x=np.array([[10.0, 5.0], [10.0, 5.0]]),
    cos=np.array([[1.0], [0.6]]),
    sin=np.array([[0.0], [0.8]]),
)


def by_complex_numbers(x, cos, sin):
    """Multiply each pair, taken for a complex number, by a number of length one."""
    out = np.empty_like(x)
    half = x.shape[-1] // 2
    for place in np.ndindex(x.shape[:-1]):
        for j in range(half):
            turn = cmath.rect(1.0, cmath.phase(complex(cos[place[-1], j], sin[place[-1], j])))
            turned = complex(x[place][j], x[place][j + half]) * turn
            out[place][j], out[place][j + half] = turned.real, turned.imag
    return out


@rope_half.against(by_complex_numbers, "random heads, against complex numbers", seeds=5)
def heads(rng):
    leading = [(), (3,), (2, 3)][int(rng.integers(3))]
    T, D = int(rng.integers(2, 5)), 2 * int(rng.integers(2, 5))
    angles = rng.uniform(0.3, 2.8, size=(T, D // 2))
    return {"x": rng.normal(size=(*leading, T, D)), "cos": np.cos(angles), "sin": np.sin(angles)}


@rope_half.law("lengths stay as they are", heads, seeds=3)
def lengths(rope_half, x, cos, sin):
    return np.linalg.norm(rope_half(x, cos, sin), axis=-1), np.linalg.norm(x, axis=-1)


def halves(x):
    return x[..., : x.shape[-1] // 2], x[..., x.shape[-1] // 2 :]


def turn(x, cos, sin):
    a, b = halves(x)
    return np.concatenate([a * cos - b * sin, a * sin + b * cos], axis=-1)


@rope_half.mistake(
    "You turned neighbours, (0, 1), (2, 3), ...: that is Meta's layout, the interleaved one. In the half"
    " layout number j goes with j + D/2.",
    see=LAYOUTS,
)
def interleaved(x, cos, sin):
    out = np.empty_like(x)
    out[..., 0::2] = x[..., 0::2] * cos - x[..., 1::2] * sin
    out[..., 1::2] = x[..., 0::2] * sin + x[..., 1::2] * cos
    return out


@rope_half.mistake(
    "Your pairs turn the other way: the minus stands before the wrong sine. A model trained with the one"
    " sense of turning cannot read with the other.",
    see=PLANTED,
)
def other_way(x, cos, sin):
    return turn(x, cos, -sin)


@rope_half.mistake(
    "A minus is missing: a cos + b sin together with a sin + b cos is no rotation, and lengths change.",
    see=PLANTED,
)
def no_minus(x, cos, sin):
    a, b = halves(x)
    return np.concatenate([a * cos + b * sin, a * sin + b * cos], axis=-1)


@rope_half.mistake(
    "Cosine and sine have changed places. With an angle of zero nothing should turn.", see=PLANTED
)
def exchanged(x, cos, sin):
    return turn(x, sin, cos)


@rope_half.mistake(
    "You paired halves but spread the table for neighbours, each angle twice in a row (`np.repeat`). For"
    " halves it must be laid out twice one after the other (`np.concatenate([cos, cos])`).",
    see=LAYOUTS,
)
def table_for_neighbours(x, cos, sin):
    a, b = halves(x)
    rotated = np.concatenate([-b, a], axis=-1)
    return x * np.repeat(cos, 2, axis=-1) + rotated * np.repeat(sin, 2, axis=-1)


@rope_half.mistake(
    "The pairs are right and turned right, but you put them back as neighbours. Each number goes back to"
    " its own place: all the a, then all the b.",
    see=LAYOUTS,
)
def put_back_as_neighbours(x, cos, sin):
    a, b = halves(x)
    return np.stack([a * cos - b * sin, a * sin + b * cos], axis=-1).reshape(x.shape)


@rope_half.mistake(
    "The second half came out from the first half's new values. Both results are made from the old a and"
    " b: keep a copy, or make both before you write.",
    see=LAYOUTS,
)
def overwritten(x, cos, sin):
    a, b = halves(x)
    a = a * cos - b * sin
    return np.concatenate([a, a * sin + b * cos], axis=-1)


@rope_half.mistake(
    "You paired the first number with the last, the second with the last but one. Number j goes with j +"
    " D/2.",
    see=LAYOUTS,
)
def mirrored(x, cos, sin):
    a, b = halves(x)
    b = b[..., ::-1]
    return np.concatenate([a * cos - b * sin, (a * sin + b * cos)[..., ::-1]], axis=-1)
