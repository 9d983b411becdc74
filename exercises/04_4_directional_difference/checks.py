"""Checks of 04.4: the central difference along a direction."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from minillama.book.exercises import Hole

FINITE = "Finite differences, and how wrong they are"
LARGE = "A check for large models"

directional_difference = Hole("directional_difference")


@dataclass(frozen=True, eq=False)
class Cubic:
    """The function sum(a x + b x² + c x³), with one a, b, c for each entry, which shows itself as that."""

    a: np.ndarray
    b: np.ndarray
    c: np.ndarray

    def __call__(self, x):
        """Evaluate it."""
        return float(np.sum(self.a * x + self.b * x**2 + self.c * x**3))

    def __repr__(self):
        return f"x -> sum(a x + b x² + c x³), a={self.a.tolist()}, b={self.b.tolist()}, c={self.c.tolist()}"


@dataclass(frozen=True)
class Product:
    """The product of all entries."""

    def __call__(self, x):
        """Evaluate it."""
        return float(np.prod(x))

    def __repr__(self):
        return "x -> the product of all entries"


directional_difference.case(
    "a line has one slope, by hand",
    6.0,
    f=Cubic(np.array([3.0]), np.zeros(1), np.zeros(1)),
    x=np.array([5.0]),
    direction=np.array([2.0]),
    step=0.25,
)
directional_difference.case(
    "x cubed at 1 with a step of 1, by hand: (8 - 0) / 2",
    4.0,
    f=Cubic(np.zeros(1), np.zeros(1), np.ones(1)),
    x=np.array([1.0]),
    direction=np.array([1.0]),
    step=1.0,
)
directional_difference.case(
    "the product of two numbers, both moved at once, by hand: (5·8 - 1·2) / 2",
    19.0,
    f=Product(),
    x=np.array([3.0, 5.0]),
    direction=np.array([2.0, 3.0]),
    step=1.0,
)


def by_fractions(f, x, direction, step):
    """Expand the cubic: what is left of the difference is a u + 2 b x u + c (3 x² u + h² u³), exactly."""
    total = Fraction(0)
    exact = (map(Fraction, array.ravel().tolist()) for array in (f.a, f.b, f.c, x, direction))
    for a, b, c, at, u in zip(*exact, strict=True):
        total += a * u + 2 * b * at * u + c * (3 * at**2 * u + Fraction(step) ** 2 * u**3)
    return float(total)


@directional_difference.against(by_fractions, "random cubics, against exact fractions", seeds=6)
def cubics(rng):
    shape = [(3,), (2, 3), (2, 2, 2)][int(rng.integers(3))]
    a, b, c, x, direction = rng.integers(-3, 4, size=(5, *shape)) + 0.5
    return {"f": Cubic(a, b, c), "x": x, "direction": direction, "step": float(rng.choice([0.25, 0.5, 1.5]))}


@directional_difference.law("along the opposite direction the slope is the opposite", cubics, seeds=3)
def opposite(directional_difference, f, x, direction, step):
    return directional_difference(f, x, -direction, step), -directional_difference(f, x, direction, step)


@directional_difference.mistake(
    "Your result equals the one-sided difference, f(x + h u) - f(x) over h. Its error falls as h, the"
    " central one's as h squared: ask f on both sides.",
    see=FINITE,
)
def one_sided(f, x, direction, step):
    return (f(x + step * direction) - f(x)) / step


@directional_difference.mistake(
    "Your result equals the one-sided difference to the other side, f(x) - f(x - h u) over h. Ask f on"
    " both sides of x.",
    see=FINITE,
)
def backward(f, x, direction, step):
    return (f(x) - f(x - step * direction)) / step


@directional_difference.mistake(
    "The result is twice what it should be: from x - h u to x + h u it is two steps, so divide by 2h.",
    see=FINITE,
)
def no_half(f, x, direction, step):
    return (f(x + step * direction) - f(x - step * direction)) / step


@directional_difference.mistake(
    "The difference was halved, but not divided by the step: a change, and not a slope.", see=FINITE
)
def not_divided(f, x, direction, step):
    return (f(x + step * direction) - f(x - step * direction)) / 2


@directional_difference.mistake(
    "You scaled the direction to length 1. It counts as it is: twice the direction has twice the slope,"
    " because the gradient is multiplied by it.",
    see=LARGE,
)
def normalised(f, x, direction, step):
    unit = direction / np.linalg.norm(direction)
    return (f(x + step * unit) - f(x - step * unit)) / (2 * step)


@directional_difference.mistake(
    "You nudged every entry by the step alone. The nudge is the step times the direction.", see=LARGE
)
def no_direction(f, x, direction, step):
    return (f(x + step) - f(x - step)) / (2 * step)


@directional_difference.mistake(
    "You moved by the direction itself, whatever the step. The nudge is the step times the direction.",
    see=LARGE,
)
def whole_direction(f, x, direction, step):
    return (f(x + direction) - f(x - direction)) / 2


@directional_difference.mistake(
    "You nudged one entry at a time and summed gradient times direction. That takes two calls for each"
    " entry; the point is to move all of them at once and need only two.",
    see=LARGE,
)
def entry_by_entry(f, x, direction, step):
    total = 0.0
    for place in np.ndindex(x.shape):
        nudge = np.zeros_like(x)
        nudge[place] = step
        total += direction[place] * (f(x + nudge) - f(x - nudge)) / (2 * step)
    return total


@directional_difference.mistake(
    "Your result equals the second difference, how the slope changes: the two values were added and f(x)"
    " taken off twice. For the slope, subtract the one behind.",
    see=FINITE,
)
def second_difference(f, x, direction, step):
    return (f(x + step * direction) - 2 * f(x) + f(x - step * direction)) / step**2
