"""Checks of 02.5: a loss that does not depend on the tokenizer."""

import math
from fractions import Fraction

import numpy as np

from minillama.book.exercises import Hole

nats_per_byte = Hole("nats_per_byte")

nats_per_byte.case("one token per byte", 1.5, loss=1.5, n_tokens=5, text="llama")
nats_per_byte.case("plain English, by hand", 2.0, loss=3.0, n_tokens=4, text="llamas")
nats_per_byte.case("plain English, by hand", 0.5, loss=2.0, n_tokens=2, text="the cat.")
nats_per_byte.case("characters of several bytes, by hand", 0.75, loss=1.5, n_tokens=3, text="maçã")
nats_per_byte.case("characters of several bytes, by hand", 1.0, loss=2.0, n_tokens=3, text="羊驼")
nats_per_byte.case("characters of several bytes, by hand", 2.0, loss=4.0, n_tokens=2, text="🦙")


def exactly(loss, n_tokens, text):
    """Add the tokens up one by one in exact fractions; count bytes by the rule of UTF-8."""
    n_bytes = sum(1 + (c >= "\u0080") + (c >= "\u0800") + (c >= "\U00010000") for c in text)
    return float(sum(Fraction(loss) for _ in range(n_tokens)) / n_bytes)


@nats_per_byte.against(exactly, "random text, against exact fractions", seeds=6)
def some_text(rng):
    text = "".join(rng.choice(list("abc d é猫🦙"), size=int(rng.integers(1, 12))))
    return {"loss": float(rng.uniform(0.1, 9)), "n_tokens": int(rng.integers(1, 20)), "text": text}


@nats_per_byte.law("twice the text in twice the tokens costs the same per byte", some_text)
def twice(nats_per_byte, loss, n_tokens, text):
    return nats_per_byte(loss, 2 * n_tokens, text + text), nats_per_byte(loss, n_tokens, text)


@nats_per_byte.mistake(
    "You divided by the characters of the text. `len(text)` counts code points; bytes are counted after"
    " `.encode()`. For English the two agree, for Chinese they differ by three.",
    see="Down to bytes",
)
def per_character(loss, n_tokens, text):
    return loss * n_tokens / len(text)


@nats_per_byte.mistake(
    "The ratio is upside down: you multiplied by bytes per token. More bytes per token mean"
    " *fewer* nats per byte.",
    see="What a token costs, and what it carries",
)
def upside_down(loss, n_tokens, text):
    return loss * len(text.encode()) / n_tokens


@nats_per_byte.mistake(
    "You divided the loss per token by the bytes of the whole text. Multiply by the number of tokens"
    " first: then you have the nats of the whole text.",
    see="What a token costs, and what it carries",
)
def mean_over_bytes(loss, n_tokens, text):
    return loss / len(text.encode())


@nats_per_byte.mistake(
    "Your result is the nats of the whole text. Divide by its bytes.",
    see="What a token costs, and what it carries",
)
def whole_text(loss, n_tokens, text):
    return loss * n_tokens


@nats_per_byte.mistake(
    "Your result is in bits per byte: the right one divided by ln 2 = 0.693. Asked for are nats.",
    see="What a token costs, and what it carries",
)
def bits(loss, n_tokens, text):
    return loss * n_tokens / len(text.encode()) / math.log(2)


@nats_per_byte.mistake(
    "Your result is the loss per token, unchanged.",
    see="What a token costs, and what it carries",
)
def unchanged(loss, n_tokens, text):
    return loss


@nats_per_byte.mistake(
    "You took the exponential: that is a perplexity, per byte. Asked for is its logarithm.",
    see="What a token costs, and what it carries",
)
def perplexity(loss, n_tokens, text):
    return float(np.exp(loss * n_tokens / len(text.encode())))
