"""Checks of 06.3: RoPE in the interleaved layout, forward and backward."""

import numpy as np

from minillama.book.exercises import Hole

LAYOUTS = "Two layouts"
PLANTED = "Planted mistakes, and the tests that see them"
BACK = "The way back"

rope_interleaved = Hole("rope_interleaved")

rope_interleaved.case(
    "a quarter turn of one pair, by hand",
    np.array([[-2.0, 1.0]]),
    x=np.array([[1.0, 2.0]]),
    cos=np.zeros((1, 1)),
    sin=np.ones((1, 1)),
)
rope_interleaved.case(
    "two pairs: a quarter turn and a half turn, by hand",
    np.array([[-2.0, 1.0, -3.0, -4.0]]),
    x=np.array([[1.0, 2.0, 3.0, 4.0]]),
    cos=np.array([[0.0, -1.0]]),
    sin=np.array([[1.0, 0.0]]),
)
rope_interleaved.case(
    "two positions, the first not turned, by hand: cosine 0.6, sine 0.8",
    np.array([[10.0, 5.0], [2.0, 11.0]]),
    x=np.array([[10.0, 5.0], [10.0, 5.0]]),
    cos=np.array([[1.0], [0.6]]),
    sin=np.array([[0.0], [0.8]]),
)


def matrices(cos, sin):
    """Return the rotation of each position as a matrix: (T, D, D)."""
    T, pairs = cos.shape
    out = np.zeros((T, 2 * pairs, 2 * pairs))
    for t in range(T):
        for j in range(pairs):
            c, s = cos[t, j], sin[t, j]
            out[t, 2 * j : 2 * j + 2, 2 * j : 2 * j + 2] = [[c, -s], [s, c]]
    return out


def by_matrices(x, cos, sin):
    """Multiply each vector by its position's matrix."""
    return np.einsum("tij,...tj->...ti", matrices(cos, sin), x)


@rope_interleaved.against(by_matrices, "random heads, against whole matrices", seeds=5)
def heads(rng):
    leading = [(), (3,), (2, 3)][int(rng.integers(3))]
    T, D = int(rng.integers(2, 5)), 2 * int(rng.integers(2, 5))
    angles = rng.uniform(0.3, 2.8, size=(T, D // 2))
    return {"x": rng.normal(size=(*leading, T, D)), "cos": np.cos(angles), "sin": np.sin(angles)}


@rope_interleaved.law("lengths stay as they are", heads, seeds=3)
def lengths(rope_interleaved, x, cos, sin):
    return np.linalg.norm(rope_interleaved(x, cos, sin), axis=-1), np.linalg.norm(x, axis=-1)


def turn(x, cos, sin):
    out = np.empty_like(x)
    out[..., 0::2] = x[..., 0::2] * cos - x[..., 1::2] * sin
    out[..., 1::2] = x[..., 0::2] * sin + x[..., 1::2] * cos
    return out


def half(x, cos, sin):
    a, b = np.split(x, 2, axis=-1)
    return np.concatenate([a * cos - b * sin, a * sin + b * cos], axis=-1)


def no_rotation(x, cos, sin):
    out = turn(x, cos, sin)
    out[..., 0::2] = x[..., 0::2] * cos + x[..., 1::2] * sin
    return out


@rope_interleaved.mistake(
    "You turned the first half against the second: that is Hugging Face's layout. In the interleaved one"
    " number 2j goes with 2j + 1.",
    see=LAYOUTS,
)
def half_layout(x, cos, sin):
    return half(x, cos, sin)


@rope_interleaved.mistake(
    "Your pairs turn the other way: the minus stands before the wrong sine.", see=PLANTED
)
def other_way(x, cos, sin):
    return turn(x, cos, -sin)


@rope_interleaved.mistake(
    "A minus is missing: a cos + b sin together with a sin + b cos is no rotation, and lengths change.",
    see=PLANTED,
)
def no_minus(x, cos, sin):
    return no_rotation(x, cos, sin)


@rope_interleaved.mistake(
    "Cosine and sine have changed places. With an angle of zero nothing should turn.", see=PLANTED
)
def exchanged(x, cos, sin):
    return turn(x, sin, cos)


@rope_interleaved.mistake(
    "The pairs are right and turned right, but you put them back as halves: first all the a, then all the"
    " b. Scores would be right, but each number was to go back to its own place.",
    see=LAYOUTS,
)
def put_back_as_halves(x, cos, sin):
    a, b = x[..., 0::2], x[..., 1::2]
    return np.concatenate([a * cos - b * sin, a * sin + b * cos], axis=-1)


@rope_interleaved.mistake(
    "You paired neighbours but laid the table out for halves, one copy after the other. For neighbours"
    " each angle stands twice in a row (`np.repeat`).",
    see=LAYOUTS,
)
def table_for_halves(x, cos, sin):
    rotated = np.stack([-x[..., 1::2], x[..., 0::2]], axis=-1).reshape(x.shape)
    return x * np.concatenate([cos, cos], axis=-1) + rotated * np.concatenate([sin, sin], axis=-1)


@rope_interleaved.mistake(
    "The b came out from the a that had been turned already. Both results are made from the old a and b.",
    see=LAYOUTS,
)
def overwritten(x, cos, sin):
    a, b = x[..., 0::2], x[..., 1::2]
    a = a * cos - b * sin
    return np.stack([a, a * sin + b * cos], axis=-1).reshape(x.shape)


rope_interleaved_backward = Hole("rope_interleaved_backward")

rope_interleaved_backward.case(
    "a quarter turn back, by hand",
    np.array([[1.0, 2.0]]),
    d_out=np.array([[-2.0, 1.0]]),
    cos=np.zeros((1, 1)),
    sin=np.ones((1, 1)),
)
rope_interleaved_backward.case(
    "two positions, by hand: cosine 0.6, sine 0.8",
    np.array([[10.0, 5.0], [10.0, 5.0]]),
    d_out=np.array([[10.0, 5.0], [2.0, 11.0]]),
    cos=np.array([[1.0], [0.6]]),
    sin=np.array([[0.0], [0.8]]),
)


def by_nudging(d_out, cos, sin):
    """Nudge one input at a time by 1: the forward is linear, so this gives the gradient exactly."""
    out = np.empty_like(d_out)
    for place in np.ndindex(d_out.shape):
        nudge = np.zeros_like(d_out)
        nudge[place] = 1.0
        out[place] = np.sum(by_matrices(nudge, cos, sin) * d_out)
    return out


@rope_interleaved_backward.against(by_nudging, "random gradients, against nudged inputs", seeds=4)
def gradients(rng):
    given = heads(rng)
    return {"d_out": given["x"], "cos": given["cos"], "sin": given["sin"]}


@rope_interleaved_backward.law("gradients keep their lengths", gradients, seeds=3)
def gradient_lengths(backward, d_out, cos, sin):
    return np.linalg.norm(backward(d_out, cos, sin), axis=-1), np.linalg.norm(d_out, axis=-1)


@rope_interleaved_backward.mistake(
    "You turned the gradient onwards, as in the forward pass. It passes through the transpose, which"
    " turns it back.",
    see=BACK,
)
def onwards(d_out, cos, sin):
    return turn(d_out, cos, sin)


@rope_interleaved_backward.mistake(
    "The gradient came back as it went in. Position and angle have no gradient here, but x was turned on"
    " the way, and so must its gradient be.",
    see=BACK,
)
def unchanged(d_out, cos, sin):
    return d_out.copy()


@rope_interleaved_backward.mistake(
    "You turned back by halves. The forward pass turned neighbours, and so must the way back.", see=LAYOUTS
)
def back_by_halves(d_out, cos, sin):
    return half(d_out, cos, -sin)


@rope_interleaved_backward.mistake(
    "You negated the cosine. The opposite angle has the same cosine; it is the sine that changes its sign.",
    see=BACK,
)
def cosine_negated(d_out, cos, sin):
    return turn(d_out, -cos, sin)


@rope_interleaved_backward.mistake(
    "Both signs were changed, cosine and sine: that adds half a turn. Only the sine changes.", see=BACK
)
def both_negated(d_out, cos, sin):
    return turn(d_out, -cos, -sin)


@rope_interleaved_backward.mistake(
    "A minus is missing: in the transpose it stands before the other sine, it does not vanish.", see=BACK
)
def lost_minus(d_out, cos, sin):
    return no_rotation(d_out, cos, sin)


@rope_interleaved_backward.mistake(
    "You divided where a transpose was called for: each entry of d_out over the cosine. The numbers of a"
    " pair mix.",
    see=BACK,
)
def divided(d_out, cos, sin):
    return d_out / np.where(np.repeat(cos, 2, axis=-1) == 0, 1, np.repeat(cos, 2, axis=-1))
