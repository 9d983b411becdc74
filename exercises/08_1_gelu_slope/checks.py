"""Checks of 08.1: the slope of GELU."""

import math

import numpy as np

from minillama.book.exercises import Hole

BENDS = "Three bends"

gelu_slope = Hole("gelu_slope", tolerance=1e-6)

gelu_slope.case("at 0: the gate is half open", np.array([0.5, 0.5]), x=np.zeros(2))
gelu_slope.case(
    "far out: shut on the left, open on the right",
    np.array([[0.0, 1.0, 1.0]]),
    x=np.array([[-12.0, 12.0, 20.0]]),
)
gelu_slope.case(
    "at 1 and -1, from a table of the normal distribution: 0.8413447 + 0.2419707",
    np.array([1.0833155, -0.0833155]),
    x=np.array([1.0, -1.0]),
)


def by_integration(x):
    """Difference quotients of x times the area under the bell curve, the area by Simpson's rule."""

    def gelu(value):
        at = np.linspace(-12.0, value, 2001)
        bell = np.exp(-(at**2) / 2) / math.sqrt(2 * math.pi)
        width = (value + 12.0) / 2000
        return value * width / 3 * (bell[0] + bell[-1] + 4 * bell[1:-1:2].sum() + 2 * bell[2:-1:2].sum())

    step = 1e-4
    return np.array([(gelu(v + step) - gelu(v - step)) / (2 * step) for v in x.ravel()]).reshape(x.shape)


@gelu_slope.against(by_integration, "random arrays, against the area under the bell curve", seeds=5)
def arrays(rng):
    shape = [(3,), (2, 3), (2, 2, 2)][int(rng.integers(3))]
    return {"x": rng.normal(0, 1.5, size=shape)}


@gelu_slope.law("the slopes at x and -x add up to 1", arrays, seeds=3)
def mirror(gelu_slope, x):
    return gelu_slope(x) + gelu_slope(-x), np.ones(x.shape)


def phi(x):
    return 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def bell(x):
    return np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)


@gelu_slope.mistake(
    "That is the gate alone: you treated it as a constant. But x opens it, so the product rule adds x times"
    " the gate's slope.",
    see=BENDS,
)
def gate_alone(x):
    return phi(x)


@gelu_slope.mistake("You forgot x: the second term of the product rule is x times the bell curve.", see=BENDS)
def bell_without_x(x):
    return phi(x) + bell(x)


@gelu_slope.mistake(
    "The second term was subtracted. Both terms of a product rule are added: to the right of 0 the slope goes"
    " above 1.",
    see=BENDS,
)
def subtracted(x):
    return phi(x) - x * bell(x)


@gelu_slope.mistake("Your result is GELU itself, not its slope.", see=BENDS)
def the_value(x):
    return x * phi(x)


@gelu_slope.mistake(
    "Your result is the slope of SiLU: the gate is a sigmoid. GELU's gate is the normal distribution.",
    see=BENDS,
)
def slope_of_silu(x):
    s = 1 / (1 + np.exp(-x))
    return s + x * s * (1 - s)


@gelu_slope.mistake(
    "Your result is the slope of the tanh form. It is close, but off from the third or fourth decimal on: use"
    " math.erf.",
    see=BENDS,
)
def slope_of_the_tanh_form(x):
    scale = math.sqrt(2 / math.pi)
    t = np.tanh(scale * (x + 0.044715 * x**3))
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * scale * (1 + 3 * 0.044715 * x**2)


@gelu_slope.mistake(
    "The square root of 2 is missing: the error function belongs to a bell curve of variance 1/2, so the"
    " normal distribution takes erf(x / sqrt(2)).",
    see=BENDS,
)
def erf_of_x(x):
    return 0.5 * (1 + np.vectorize(math.erf)(x)) + x * bell(x)


@gelu_slope.mistake(
    "The bell curve is not normalised: divide by sqrt(2 pi), so that the area under it is 1.", see=BENDS
)
def bell_not_normalised(x):
    return phi(x) + x * np.exp(-(x**2) / 2)


@gelu_slope.mistake("Your result is the slope of ReLU: 0 or 1, and nothing between.", see=BENDS)
def slope_of_relu(x):
    return (x > 0).astype(x.dtype)
