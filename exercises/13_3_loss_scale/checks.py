"""Checks of 13.3: the loss scale of a float16 run."""

import math
from fractions import Fraction

import numpy as np

from minillama.book.exercises import Hole

SCALE = "Too short: why float16 needs a scale"

unscale = Hole("unscale", tolerance=1e-18, exact_dtype=True)


def half(*entries):
    return np.array(entries, dtype=np.float16)


def single(*entries):
    return np.array(entries, dtype=np.float32)


unscale.case(
    "a good step, by hand",
    (single(0.5, -0.25), 4.0, 3),
    gradient=half(2.0, -1.0),
    scale=4.0,
    good_steps=2,
    interval=9,
)
unscale.case(
    "the last good step of a row doubles the scale",
    (single(0.5), 16.0, 0),
    gradient=half(4.0),
    scale=8.0,
    good_steps=2,
    interval=3,
)
unscale.case(
    "infinite: left out, half the scale",
    (None, 512.0, 0),
    gradient=half(1.0, -math.inf),
    scale=1024.0,
    good_steps=1,
    interval=3,
)
unscale.case(
    "NaN is not finite either",
    (None, 1.0, 0),
    gradient=half(math.nan, 1.0),
    scale=2.0,
    good_steps=0,
    interval=3,
)
unscale.case(
    "an overflow at the end of a row does not double",
    (None, 4.0, 0),
    gradient=half(math.inf),
    scale=8.0,
    good_steps=2,
    interval=3,
)
unscale.case(
    "smaller than float16's smallest number: 6e-8 over 65,536",
    (single(2.0**-24 * 2.0**-16), 65536.0, 1),
    gradient=half(2.0**-24),
    scale=65536.0,
    good_steps=0,
    interval=3,
)


def in_fractions(gradient, scale, good_steps, interval):
    """Exact fractions, and the rule as a table of the three ends."""
    if any(math.isinf(float(g)) or math.isnan(float(g)) for g in gradient):
        return None, scale / 2, 0
    exact = np.array([float(Fraction(float(g)) / Fraction(scale)) for g in gradient], dtype=np.float32)
    full = good_steps == interval - 1
    return exact, (2 * scale if full else scale), (0 if full else good_steps + 1)


@unscale.against(in_fractions, "random gradients, against exact fractions", seeds=6)
def steps(rng):
    gradient = rng.normal(0, 100, size=3).astype(np.float16)
    if rng.random() < 0.3:
        gradient[1] = rng.choice([np.inf, -np.inf, np.nan])
    return {
        "gradient": gradient,
        "scale": float(2.0 ** rng.integers(4, 17)),
        "good_steps": int(rng.integers(0, 4)),
        "interval": 4,
    }


def rule(gradient, scale, good_steps, interval, **wrong):
    """Do the step with some of its parts exchanged."""
    if wrong.get("bad", lambda g: not np.isfinite(g).all())(gradient):
        return wrong.get("left_out", (None, scale / 2, 0))
    unscaled = wrong.get("divide", lambda g, s: g.astype(np.float32) / np.float32(s))(gradient, scale)
    if good_steps + wrong.get("ahead", 1) == interval:
        return wrong.get("full", (unscaled, scale * 2, 0))
    return unscaled, scale, good_steps + 1


@unscale.mistake(
    "The gradient was looked through for infinity only. NaN gets past: ask what is finite.", see=SCALE
)
def infinity_only(gradient, scale, good_steps, interval):
    return rule(gradient, scale, good_steps, interval, bad=lambda g: np.isinf(g).any())


@unscale.mistake(
    "The division was done in float16: what the scale had saved vanishes again. Widen to float32 first.",
    see=SCALE,
)
def divided_in_half(gradient, scale, good_steps, interval):
    def divide(g, s):
        return (g.astype(np.float64) / s).astype(np.float16).astype(np.float32)

    return rule(gradient, scale, good_steps, interval, divide=divide)


@unscale.mistake("The gradient was multiplied by the scale once more. It has to go out again.", see=SCALE)
def multiplied(gradient, scale, good_steps, interval):
    return rule(
        gradient, scale, good_steps, interval, divide=lambda g, s: g.astype(np.float32) * np.float32(s)
    )


@unscale.mistake(
    "The gradient was divided by the scale of the next step. Divide by that which it was made with.",
    see=SCALE,
)
def divided_by_the_next(gradient, scale, good_steps, interval):
    after = scale * 2 if good_steps + 1 == interval else scale
    return (
        rule(
            gradient,
            scale,
            good_steps,
            interval,
            divide=lambda g, s: g.astype(np.float32) / np.float32(after),
        )
        if np.isfinite(gradient).all()
        else (None, scale / 2, 0)
    )


@unscale.mistake(
    "An overflow left the count as it was. The row is broken: the scale would be doubled again too soon.",
    see=SCALE,
)
def count_kept(gradient, scale, good_steps, interval):
    return rule(gradient, scale, good_steps, interval, left_out=(None, scale / 2, good_steps))


@unscale.mistake("An overflow did not move the scale: the next step overflows as well.", see=SCALE)
def scale_kept(gradient, scale, good_steps, interval):
    return rule(gradient, scale, good_steps, interval, left_out=(None, scale, 0))


@unscale.mistake(
    "Infinite entries were replaced by zero and the step was done. Then the largest gradients are those that"
    " count for nothing: leave the step out.",
    see=SCALE,
)
def zeros_instead(gradient, scale, good_steps, interval):
    if np.isfinite(gradient).all():
        return rule(gradient, scale, good_steps, interval)
    kept = np.where(np.isfinite(gradient), gradient, 0).astype(np.float32) / np.float32(scale)
    return kept, scale / 2, 0


@unscale.mistake("The scale is doubled one step too late: this step counts too.", see=SCALE)
def one_too_late(gradient, scale, good_steps, interval):
    return rule(gradient, scale, good_steps, interval, ahead=0)


@unscale.mistake("The count goes on after a doubling: it has to begin anew.", see=SCALE)
def not_reset(gradient, scale, good_steps, interval):
    unscaled = rule(gradient, scale, 0, 0)[0]
    return rule(gradient, scale, good_steps, interval, full=(unscaled, scale * 2, good_steps + 1))
