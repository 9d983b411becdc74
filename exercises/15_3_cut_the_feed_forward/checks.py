"""Checks of 15.3: the parts of a SwiGLU layer."""

import math

import numpy as np

from minillama.book.exercises import Hole, Raises

CUT = "Cut the matrices: tensor parallel"

feed_forward_parts = Hole("feed_forward_parts", tolerance=1e-9)

silu = 1 / (1 + math.exp(-1))  # of 1
feed_forward_parts.case(
    "two channels, by hand: the second is read three times as loudly",
    [np.array([[silu, 0.0]]), np.array([[6 * silu, 3 * silu]])],
    x=np.array([[1.0]]),
    w_gate=np.array([[1.0, 1.0]]),
    w_up=np.array([[1.0, 3.0]]),
    w_down=np.array([[1.0, 0.0], [2.0, 1.0]]),
    n=2,
)
feed_forward_parts.case(
    "one process has everything",
    [np.array([[silu * 2.0]])],
    x=np.array([[1.0]]),
    w_gate=np.array([[1.0, 1.0]]),
    w_up=np.array([[1.0, 1.0]]),
    w_down=np.array([[1.0], [1.0]]),
    n=1,
)
feed_forward_parts.case(
    "three processes cannot share four channels",
    Raises(ValueError),
    x=np.ones((1, 3)),
    w_gate=np.ones((3, 4)),
    w_up=np.ones((3, 4)),
    w_down=np.ones((4, 3)),
    n=3,
)


def channel_by_channel(x, w_gate, w_up, w_down, n):
    """Add one hidden channel after the other to the part of the process that has it."""
    width = w_gate.shape[1] // n
    parts = [np.zeros((len(x), w_down.shape[1])) for _ in range(n)]
    for f in range(w_gate.shape[1]):
        for t, row in enumerate(x):
            gate = sum(float(a) * float(b) for a, b in zip(row, w_gate[:, f], strict=True))
            up = sum(float(a) * float(b) for a, b in zip(row, w_up[:, f], strict=True))
            parts[f // width][t] += gate / (1 + math.exp(-gate)) * up * w_down[f]
    return parts


@feed_forward_parts.against(channel_by_channel, "random layers, against one channel at a time", seeds=6)
def layers(rng):
    n, width = int(rng.integers(2, 4)), int(rng.integers(2, 4))
    T, C, F = int(rng.integers(1, 4)), n * int(rng.integers(1, 4)), n * width
    return {
        "x": rng.normal(size=(T, C)),
        "w_gate": rng.normal(size=(C, F)),
        "w_up": rng.normal(size=(C, F)),
        "w_down": rng.normal(size=(F, C)),
        "n": n,
    }


@feed_forward_parts.law("however many processes, the sum is the same", layers, seeds=3)
def same_sum(feed_forward_parts, x, w_gate, w_up, w_down, n):
    return sum(feed_forward_parts(x, w_gate, w_up, w_down, n)), sum(
        feed_forward_parts(x, w_gate, w_up, w_down, 1)
    )


def checked(w_gate, n):
    if w_gate.shape[1] % n:
        raise ValueError("not evenly")


def act(gate, up):
    return gate / (1 + np.exp(-gate)) * up


def chunks(array, n, axis):
    return np.split(array, n, axis=axis)


@feed_forward_parts.mistake(
    "Gate and up were cut by rows. Then each process has a summand of *every* hidden channel, and silu of a"
    " part is no part of silu: the sum would have to come before it.",
    see=CUT,
)
def rows_first(x, w_gate, w_up, w_down, n):
    checked(w_gate, n)
    if x.shape[1] % n:
        raise IndexError
    parts = zip(chunks(x, n, 1), chunks(w_gate, n, 0), chunks(w_up, n, 0), strict=True)
    return [act(x_part @ gate, x_part @ up) @ w_down for x_part, gate, up in parts]


@feed_forward_parts.mistake(
    "The gate was not cut, only up and down: every process gates with the first channels, or with all."
    " Channel f of the gate belongs to channel f of up.",
    see=CUT,
)
def gate_of_the_first(x, w_gate, w_up, w_down, n):
    checked(w_gate, n)
    gate = chunks(w_gate, n, 1)[0]
    return [
        act(x @ gate, x @ up) @ down
        for up, down in zip(chunks(w_up, n, 1), chunks(w_down, n, 0), strict=True)
    ]


@feed_forward_parts.mistake(
    "Channels were dealt out like cards: process r has r, r + n, r + 2n, ... The sum is right, but"
    " neighbouring groups were asked for: a checkpoint cut in one way and joined in the other is garbage.",
    see=CUT,
)
def dealt_out(x, w_gate, w_up, w_down, n):
    checked(w_gate, n)
    return [act(x @ w_gate[:, r::n], x @ w_up[:, r::n]) @ w_down[r::n] for r in range(n)]


@feed_forward_parts.mistake(
    "Every process returns the whole output. The work was to be shared, and the all-reduce would make it n"
    " times too large.",
    see=CUT,
)
def whole_each(x, w_gate, w_up, w_down, n):
    checked(w_gate, n)
    return [act(x @ w_gate, x @ w_up) @ w_down] * n


@feed_forward_parts.mistake(
    "The parts were divided by n. They are summands: an all-reduce adds them up, and does not average.",
    see=CUT,
)
def averaged(x, w_gate, w_up, w_down, n):
    checked(w_gate, n)
    parts = zip(chunks(w_gate, n, 1), chunks(w_up, n, 1), chunks(w_down, n, 0), strict=True)
    return [act(x @ gate, x @ up) @ down / n for gate, up, down in parts]


@feed_forward_parts.mistake("Gate and up have changed places: silu belongs to the gate.", see=CUT)
def swapped(x, w_gate, w_up, w_down, n):
    checked(w_gate, n)
    parts = zip(chunks(w_gate, n, 1), chunks(w_up, n, 1), chunks(w_down, n, 0), strict=True)
    return [act(x @ up, x @ gate) @ down for gate, up, down in parts]


@feed_forward_parts.mistake(
    "silu is missing: gate and up are multiplied as they come out of their matrices. Every hidden channel's"
    " gate goes through silu first.",
    see=CUT,
)
def no_silu(x, w_gate, w_up, w_down, n):
    checked(w_gate, n)
    parts = zip(chunks(w_gate, n, 1), chunks(w_up, n, 1), chunks(w_down, n, 0), strict=True)
    return [((x @ gate) * (x @ up)) @ down for gate, up, down in parts]


@feed_forward_parts.mistake(
    "An F that n does not divide was shared out unevenly. The processes wait for the slowest, and a"
    " checkpoint's slices no longer have one shape: refuse with a ValueError.",
    see=CUT,
)
def uneven(x, w_gate, w_up, w_down, n):
    parts = zip(
        *(np.array_split(w, n, axis) for w, axis in ((w_gate, 1), (w_up, 1), (w_down, 0))), strict=True
    )
    return [act(x @ gate, x @ up) @ down for gate, up, down in parts]
