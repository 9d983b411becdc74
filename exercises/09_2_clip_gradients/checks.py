"""Checks of 09.2: clipping by the norm of all gradients together."""

import math

import numpy as np

from minillama.book.exercises import Hole

CLIP = "Clipping and the schedule"

clip_gradients = Hole("clip_gradients", tolerance=1e-9)

clip_gradients.case(
    "too long, by hand: (3, 4) has length 5",
    ({"wq": np.array([1.5]), "wk": np.array([[2.0]])}, 5.0),
    grads={"wq": np.array([3.0]), "wk": np.array([[4.0]])},
    max_norm=2.5,
)
clip_gradients.case(
    "short enough: nothing changes",
    ({"wq": np.array([0.3, 0.0]), "norm": np.array([-0.4])}, 0.5),
    grads={"wq": np.array([0.3, 0.0]), "norm": np.array([-0.4])},
    max_norm=1.0,
)
clip_gradients.case(
    "a gradient of zeros stays zeros",
    ({"wq": np.zeros((2, 2))}, 0.0),
    grads={"wq": np.zeros((2, 2))},
    max_norm=1.0,
)


def one_long_list(grads, max_norm):
    """All numbers in one Python list, the length by math.hypot."""
    numbers = [float(x) for g in grads.values() for x in g.ravel()]
    norm = math.hypot(*numbers)
    shrink = max_norm / norm if norm > max_norm else 1.0
    return {
        name: np.array([shrink * x for x in g.ravel()]).reshape(g.shape) for name, g in grads.items()
    }, norm


@clip_gradients.against(one_long_list, "random arrays, against one long list", seeds=6)
def gradients(rng):
    shapes = {"tok_embeddings": (3, 2), "attention_norm": (2,), "wq": (2, 2)}
    size = float(rng.choice([0.05, 1.0, 30.0]))
    return {
        "grads": {name: rng.normal(0.3, 1.0, size=shape) * size for name, shape in shapes.items()},
        "max_norm": float(rng.choice([0.5, 1.0, 2.0])),
    }


@clip_gradients.law("what is ten times as long, and too long, is clipped to the same", gradients, seeds=3)
def same_direction(clip_gradients, grads, max_norm):
    short = 1e-3 * max_norm
    return (
        clip_gradients({name: 10 * g for name, g in grads.items()}, short)[0],
        clip_gradients(grads, short)[0],
    )


def length(grads):
    return float(np.sqrt(sum(np.sum(g**2) for g in grads.values())))


@clip_gradients.mistake(
    "Each array was clipped by itself. All gradients together are one vector: clipped one by one, its"
    " direction changes.",
    see=CLIP,
)
def array_by_array(grads, max_norm):
    clipped = {}
    for name, g in grads.items():
        norm = np.sqrt(np.sum(g**2))
        clipped[name] = g * max_norm / norm if norm > max_norm else g.copy()
    return clipped, length(grads)


@clip_gradients.mistake(
    "The entries were clipped, each to max_norm. That is clipping by value, and turns the gradient; by"
    " norm, all entries shrink by one factor.",
    see=CLIP,
)
def by_value(grads, max_norm):
    return {name: np.clip(g, -max_norm, max_norm) for name, g in grads.items()}, length(grads)


@clip_gradients.mistake(
    "Short gradients were made longer: everything has length max_norm now. Only what exceeds it is scaled.",
    see=CLIP,
)
def always_scaled(grads, max_norm):
    norm = length(grads)
    return {name: g * (max_norm / norm if norm else 1.0) for name, g in grads.items()}, norm


@clip_gradients.mistake(
    "The lengths of the arrays were added. Squares add, lengths do not: (3, 4) has length 5, not 7.", see=CLIP
)
def lengths_added(grads, max_norm):
    norm = float(sum(np.sqrt(np.sum(g**2)) for g in grads.values()))
    factor = max_norm / norm if norm > max_norm else 1.0
    return {name: factor * g for name, g in grads.items()}, norm


@clip_gradients.mistake("The root is missing: you compare the sum of squares with max_norm.", see=CLIP)
def no_root(grads, max_norm):
    norm = length(grads) ** 2
    factor = max_norm / norm if norm > max_norm else 1.0
    return {name: factor * g for name, g in grads.items()}, norm


@clip_gradients.mistake(
    "The mean square was taken in place of the sum: a length per entry. Clipping looks at the whole length.",
    see=CLIP,
)
def mean_square(grads, max_norm):
    norm = float(np.sqrt(np.mean(np.concatenate([g.ravel() for g in grads.values()]) ** 2)))
    factor = max_norm / norm if norm > max_norm else 1.0
    return {name: factor * g for name, g in grads.items()}, norm


@clip_gradients.mistake(
    "The largest entry was taken for the length. Clipping by norm looks at the root of the sum of squares.",
    see=CLIP,
)
def largest_entry(grads, max_norm):
    norm = float(max(np.abs(g).max() for g in grads.values()))
    factor = max_norm / norm if norm > max_norm else 1.0
    return {name: factor * g for name, g in grads.items()}, norm


@clip_gradients.mistake(
    "The gradients are right, but the length returned is the one after clipping. Asked for is the one"
    " before: it is what tells of a bad batch.",
    see=CLIP,
)
def norm_after(grads, max_norm):
    norm = length(grads)
    factor = max_norm / norm if norm > max_norm else 1.0
    return {name: factor * g for name, g in grads.items()}, min(norm, max_norm)
