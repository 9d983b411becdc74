"""Checks of 08.3: SwiGLU, backward."""

import numpy as np

from minillama.book.exercises import Hole

STEPS = "The gradient, step by step"
PLANTED = "Three planted mistakes"
BENDS = "Three bends"

swiglu_backward = Hole("swiglu_backward", tolerance=1e-6)

swiglu_backward.case(
    "a gate of 0, by hand",
    (np.array([2.0, -6.0]), np.array([0.0, 0.0])),
    d_out=np.array([1.0, 3.0]),
    gate=np.zeros(2),
    up=np.array([4.0, -4.0]),
)
swiglu_backward.case(
    "a wide open gate, by hand: SiLU(40) is 40, its slope 1",
    (np.array([[6.0]]), np.array([[80.0]])),
    d_out=np.array([[2.0]]),
    gate=np.array([[40.0]]),
    up=np.array([[3.0]]),
)
swiglu_backward.case(
    "up is 0: the gate learns nothing, by hand",
    (np.array([0.0]), np.array([1.76159416])),
    d_out=np.array([1.0]),
    gate=np.array([2.0]),
    up=np.array([0.0]),
)


def by_complex_step(d_out, gate, up):
    """Nudge each input along the imaginary axis: the derivative comes out exact, by no formula for it."""
    nudge = 1e-30j
    d_gate = ((gate + nudge) / (1 + np.exp(-(gate + nudge))) * up).imag / 1e-30
    d_up = (gate / (1 + np.exp(-gate)) * (up + nudge)).imag / 1e-30
    return d_out * d_gate, d_out * d_up


@swiglu_backward.against(by_complex_step, "random arrays, against the derivative by complex steps", seeds=6)
def arrays(rng):
    shape = [(3,), (2, 3), (2, 2, 3)][int(rng.integers(3))]
    d_out, gate, up = rng.normal(0, 1.5, size=(3, *shape))
    return {"d_out": d_out, "gate": gate, "up": up}


@swiglu_backward.law("the output is linear in up: up times d_up is d_out times the output", arrays, seeds=3)
def linear_in_up(swiglu_backward, d_out, gate, up):
    _, d_up = swiglu_backward(d_out, gate, up)
    return up * d_up, d_out * (gate / (1 + np.exp(-gate)) * up)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def slope(g):
    s = sigmoid(g)
    return s + g * s * (1 - s)


@swiglu_backward.mistake(
    "The product rule is missing inside the gate: you took only sigmoid' = s (1 - s). SiLU is g times s, so"
    " its slope is s + g s (1 - s).",
    see=PLANTED,
)
def sigmoid_slope(d_out, gate, up):
    s = sigmoid(gate)
    return d_out * up * s * (1 - s), d_out * gate * s


@swiglu_backward.mistake(
    "Half of the product rule: g s (1 - s) is there, but the sigmoid itself is missing in SiLU's slope.",
    see=STEPS,
)
def second_term_only(d_out, gate, up):
    s = sigmoid(gate)
    return d_out * up * gate * s * (1 - s), d_out * gate * s


@swiglu_backward.mistake(
    "Half of the product rule: you treated the sigmoid as a constant. x opens its own gate, so g s (1 - s) is"
    " to be added.",
    see=BENDS,
)
def first_term_only(d_out, gate, up):
    s = sigmoid(gate)
    return d_out * up * s, d_out * gate * s


@swiglu_backward.mistake(
    "Each factor was given itself. The gradient of one factor of a product is the other: d_gate has `up` in"
    " it, d_up has silu(gate).",
    see=STEPS,
)
def own_factor(d_out, gate, up):
    return d_out * gate * sigmoid(gate) * slope(gate), d_out * up


@swiglu_backward.mistake("`up` is missing in d_gate: it is the other factor of the product.", see=STEPS)
def no_up(d_out, gate, up):
    return d_out * slope(gate), d_out * gate * sigmoid(gate)


@swiglu_backward.mistake(
    "d_up has the sigmoid of the gate where SiLU belongs: that is the gradient of GLU.", see=PLANTED
)
def d_up_of_glu(d_out, gate, up):
    return d_out * up * slope(gate), d_out * sigmoid(gate)


@swiglu_backward.mistake(
    "d_up has the slope in it. There is no bend on up's side: it gets silu(gate), the value.", see=STEPS
)
def d_up_with_slope(d_out, gate, up):
    return d_out * up * slope(gate), d_out * slope(gate)


@swiglu_backward.mistake(
    "Both are right for a layer whose gate and up are swapped. The gate is the first argument and the one"
    " that is bent.",
    see=PLANTED,
)
def swapped_arguments(d_out, gate, up):
    return d_out * up * sigmoid(up), d_out * gate * slope(up)


@swiglu_backward.mistake("Both are right, but in the wrong order: d_gate first, then d_up.", see=STEPS)
def wrong_order(d_out, gate, up):
    return d_out * gate * sigmoid(gate), d_out * up * slope(gate)


@swiglu_backward.mistake(
    "d_out is missing: these are the slopes of the layer. The chain rule multiplies them by the gradient that"
    " arrives.",
    see=STEPS,
)
def no_d_out(d_out, gate, up):
    return up * slope(gate), gate * sigmoid(gate)
