"""Checks of 05.3: the wiring of a pre-norm block."""

from dataclasses import dataclass

import numpy as np

from minillama.book.exercises import Hole

PLACE = "Where to put it"
REAL = "In the real LLaMA"

pre_norm_block = Hole("pre_norm_block")


@dataclass(frozen=True)
class Line:
    """The function u -> factor · u + shift, which shows itself as that."""

    factor: float
    shift: float
    text: str

    def __call__(self, u):
        """Apply it."""
        return self.factor * u + self.shift

    def __repr__(self):
        return self.text


@dataclass(frozen=True)
class Norm:
    """RMSNorm with one factor for all channels."""

    weight: float

    def __call__(self, u):
        """Normalise."""
        return self.weight * u / np.sqrt(np.mean(u**2, axis=-1, keepdims=True) + 1e-5)

    def __repr__(self):
        return f"u -> RMSNorm(u, weight={self.weight:g})"


@dataclass(frozen=True, eq=False)
class Bend:
    """The function u -> tanh(u M), with its own random matrix M."""

    matrix: np.ndarray

    def __call__(self, u):
        """Apply it."""
        return np.tanh(u @ self.matrix)

    def __repr__(self):
        return "u -> tanh(u M), with a random matrix M of its own"


HALVE, ADD_10 = Line(0.5, 0, "u -> u / 2"), Line(1, 10, "u -> u + 10")
LESS_1, TRIPLE = Line(1, -1, "u -> u - 1"), Line(3, 0, "u -> 3 u")

pre_norm_block.case(
    "one number, by hand: 4 + (2 + 10) = 16, then 16 + 3 · 15 = 61",
    np.array([61.0]),
    x=np.array([4.0]),
    attention_norm=HALVE,
    attention=ADD_10,
    ffn_norm=LESS_1,
    feed_forward=TRIPLE,
)
pre_norm_block.case(
    "the same functions in other places, by hand: 4 + 3 · 14 = 46, then 46 + (23 - 1) = 68",
    np.array([[68.0], [80.0]]),
    x=np.array([[4.0], [6.0]]),
    attention_norm=ADD_10,
    attention=TRIPLE,
    ffn_norm=HALVE,
    feed_forward=LESS_1,
)


def in_one_line(x, attention_norm, attention, ffn_norm, feed_forward):
    """Write out what is added to x, without an intermediate name."""
    return sum(
        [
            x,
            attention(attention_norm(x)),
            feed_forward(ffn_norm(np.add(x, attention(attention_norm(x))))),
        ]
    )


@pre_norm_block.against(in_one_line, "random layers with RMSNorm", seeds=4)
def layers(rng):
    dim = int(rng.integers(3, 6))
    return {
        "x": rng.normal(size=(2, 3, dim)) * 3,
        "attention_norm": Norm(float(rng.choice([0.5, 0.8]))),
        "attention": Bend(rng.normal(size=(dim, dim))),
        "ffn_norm": Norm(float(rng.choice([1.5, 2.0]))),
        "feed_forward": Bend(rng.normal(size=(dim, dim))),
    }


@pre_norm_block.mistake(
    "This is post-norm: the sums were normalised. In pre-norm the norm stands at the entrance of each layer.",
    see=PLACE,
)
def post_norm(x, attention_norm, attention, ffn_norm, feed_forward):
    x = attention_norm(x + attention(x))
    return ffn_norm(x + feed_forward(x))


@pre_norm_block.mistake(
    "The norms stand on the residual stream: you added to the normalised x. What is added to must be x"
    " itself, or the straight road is gone.",
    see=PLACE,
)
def norm_on_the_stream(x, attention_norm, attention, ffn_norm, feed_forward):
    x = attention_norm(x)
    x = x + attention(x)
    x = ffn_norm(x)
    return x + feed_forward(x)


@pre_norm_block.mistake("The residual connections are missing: each layer *adds* to x.", see=PLACE)
def no_residual(x, attention_norm, attention, ffn_norm, feed_forward):
    return feed_forward(ffn_norm(attention(attention_norm(x))))


@pre_norm_block.mistake(
    "x is in the sum once too often: the second layer adds to the result of the first, which holds x"
    " already.",
    see=PLACE,
)
def double_residual(x, attention_norm, attention, ffn_norm, feed_forward):
    after = x + attention(attention_norm(x))
    return x + after + feed_forward(ffn_norm(after))


@pre_norm_block.mistake(
    "Attention's contribution got lost: the feed-forward network's output was added to the x from before"
    " attention.",
    see=PLACE,
)
def attention_lost(x, attention_norm, attention, ffn_norm, feed_forward):
    return x + feed_forward(ffn_norm(x + attention(attention_norm(x))))


@pre_norm_block.mistake(
    "Both layers read the same x, side by side. Some models do that (GPT-J, PaLM); in LLaMA the"
    " feed-forward network reads what attention has added.",
    see=PLACE,
)
def parallel(x, attention_norm, attention, ffn_norm, feed_forward):
    return x + attention(attention_norm(x)) + feed_forward(ffn_norm(x))


@pre_norm_block.mistake(
    "The attention norm was used for both layers. The feed-forward network has a norm of its own, with its"
    " own weight.",
    see=PLACE,
)
def same_norm(x, attention_norm, attention, ffn_norm, feed_forward):
    x = x + attention(attention_norm(x))
    return x + feed_forward(attention_norm(x))


@pre_norm_block.mistake("The two norms have changed places.", see=PLACE)
def norms_swapped(x, attention_norm, attention, ffn_norm, feed_forward):
    x = x + attention(ffn_norm(x))
    return x + feed_forward(attention_norm(x))


@pre_norm_block.mistake(
    "The feed-forward network reads the stream without its norm.",
    see=PLACE,
)
def second_norm_missing(x, attention_norm, attention, ffn_norm, feed_forward):
    x = x + attention(attention_norm(x))
    return x + feed_forward(x)


@pre_norm_block.mistake("There is no norm at all: the layers read the bare stream.", see=PLACE)
def no_norm(x, attention_norm, attention, ffn_norm, feed_forward):
    x = x + attention(x)
    return x + feed_forward(x)


@pre_norm_block.mistake(
    "You normalised what the layers put out. OLMo 2 does that; LLaMA normalises what they read.", see=REAL
)
def norm_of_the_output(x, attention_norm, attention, ffn_norm, feed_forward):
    x = x + attention_norm(attention(x))
    return x + ffn_norm(feed_forward(x))


@pre_norm_block.mistake("The feed-forward network came first. In LLaMA attention does.", see=PLACE)
def order(x, attention_norm, attention, ffn_norm, feed_forward):
    x = x + feed_forward(ffn_norm(x))
    return x + attention(attention_norm(x))
