"""Checks of 08.2: a SwiGLU layer, forward."""

import math

import numpy as np

from minillama.book.exercises import Hole

SYMBOLS = "SwiGLU in symbols, and in code"
GATE = "A gate is a product"
BENDS = "Three bends"
PLANTED = "Three planted mistakes"

feed_forward = Hole("feed_forward", tolerance=1e-6)

feed_forward.case(
    "one unit, by hand: SiLU(2) is 1.761594",
    np.array([17.61594156]),
    x=np.ones(1),
    w_gate=np.full((1, 1), 2.0),
    w_up=np.full((1, 1), 10.0),
    w_down=np.ones((1, 1)),
)
feed_forward.case(
    "a shut gate: nothing is written",
    np.zeros((2, 2)),
    x=np.array([[1.0, 2.0], [3.0, 4.0]]),
    w_gate=np.zeros((3, 2)),
    w_up=np.ones((3, 2)),
    w_down=np.ones((2, 3)),
)
feed_forward.case(
    "two units multiply two numbers, by hand: 3 times 4 and 5 times -2",
    np.array([[12.0], [-10.0]]).repeat(2, axis=1) * np.array([1.0, 0.0]),
    x=np.array([[3.0, 4.0], [5.0, -2.0]]),
    w_gate=np.array([[1.0, 0.0], [-1.0, 0.0]]),
    w_up=np.array([[0.0, 1.0], [0.0, -1.0]]),
    w_down=np.array([[1.0, 1.0], [0.0, 0.0]]),
)


def unit_by_unit(x, w_gate, w_up, w_down):
    """Let each unit write its column, one after the other, with Python's own numbers."""
    out = np.zeros_like(x)
    for place in np.ndindex(x.shape[:-1]):
        vector = x[place].tolist()
        for gate_key, up_key, value in zip(w_gate.tolist(), w_up.tolist(), w_down.T, strict=True):
            gate = math.fsum(a * b for a, b in zip(gate_key, vector, strict=True))
            up = math.fsum(a * b for a, b in zip(up_key, vector, strict=True))
            out[place] += value * (gate * up / (1 + math.exp(-gate)))
    return out


@feed_forward.against(unit_by_unit, "random arrays, unit by unit", seeds=6)
def arrays(rng):
    leading = [(), (4,), (2, 4)][int(rng.integers(3))]
    C, F = int(rng.integers(2, 5)), int(rng.integers(5, 8))
    return {
        "x": rng.normal(size=(*leading, C)),
        "w_gate": rng.normal(size=(F, C)),
        "w_up": rng.normal(size=(F, C)),
        "w_down": rng.normal(size=(C, F)),
    }


@feed_forward.law("twice w_up, twice the output: there is no bend on that side", arrays, seeds=3)
def linear_in_up(feed_forward, x, w_gate, w_up, w_down):
    return feed_forward(x, w_gate, 2 * w_up, w_down), 2 * feed_forward(x, w_gate, w_up, w_down)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def silu(x):
    return x * sigmoid(x)


def gelu(x):
    return 0.5 * x * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def layer(x, w_gate, w_up, w_down, combine):
    """Run a feed-forward layer with any rule for what a unit says."""
    return combine(x @ w_gate.T, x @ w_up.T) @ w_down.T


@feed_forward.mistake(
    "Gate and up are swapped: you bent W_up x. The gate is bent, up stays as it is.", see=PLANTED
)
def swapped(x, w_gate, w_up, w_down):
    return layer(x, w_gate, w_up, w_down, lambda gate, up: gate * silu(up))


@feed_forward.mistake(
    "Your result equals GLU's: the gate went through a sigmoid. SiLU is the argument times its sigmoid, which"
    " makes it SwiGLU.",
    see=PLANTED,
)
def sigmoid_for_silu(x, w_gate, w_up, w_down):
    return layer(x, w_gate, w_up, w_down, lambda gate, up: sigmoid(gate) * up)


@feed_forward.mistake("Your result equals ReGLU's: the gate was bent by ReLU.", see=GATE)
def reglu(x, w_gate, w_up, w_down):
    return layer(x, w_gate, w_up, w_down, lambda gate, up: np.maximum(gate, 0) * up)


@feed_forward.mistake(
    "Your result equals GEGLU's: the gate was bent by GELU. Gemma does that; LLaMA takes SiLU.", see=GATE
)
def geglu(x, w_gate, w_up, w_down):
    return layer(x, w_gate, w_up, w_down, lambda gate, up: gelu(gate) * up)


@feed_forward.mistake(
    "The gate was not bent at all: your result is the bilinear layer's. SiLU belongs around W_gate x.",
    see=GATE,
)
def bilinear(x, w_gate, w_up, w_down):
    return layer(x, w_gate, w_up, w_down, lambda gate, up: gate * up)


@feed_forward.mistake("Both sides were bent. Only the gate is: up passes as it is.", see=SYMBOLS)
def both_bent(x, w_gate, w_up, w_down):
    return layer(x, w_gate, w_up, w_down, lambda gate, up: silu(gate) * silu(up))


@feed_forward.mistake("SiLU was taken of the product. Bend the gate first, then multiply.", see=SYMBOLS)
def silu_of_the_product(x, w_gate, w_up, w_down):
    return layer(x, w_gate, w_up, w_down, lambda gate, up: silu(gate * up))


@feed_forward.mistake("The two were added. A gate multiplies.", see=GATE)
def added(x, w_gate, w_up, w_down):
    return layer(x, w_gate, w_up, w_down, lambda gate, up: silu(gate) + up)


@feed_forward.mistake(
    "There is no gate in your result: w_gate was not used. It is a SiLU layer of two matrices.", see=BENDS
)
def no_gate(x, w_gate, w_up, w_down):
    return layer(x, w_gate, w_up, w_down, lambda gate, up: silu(up))


@feed_forward.mistake(
    "The way back is missing: you returned the F hidden numbers. w_down brings them to C.", see=SYMBOLS
)
def hidden_only(x, w_gate, w_up, w_down):
    return silu(x @ w_gate.T) * (x @ w_up.T)


@feed_forward.mistake(
    "x was added. The residual connection is the block's business; the layer returns what is to be added.",
    see=SYMBOLS,
)
def residual_added(x, w_gate, w_up, w_down):
    return x + layer(x, w_gate, w_up, w_down, lambda gate, up: silu(gate) * up)
