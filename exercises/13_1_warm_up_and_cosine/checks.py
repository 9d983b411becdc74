"""Checks of 13.1: the learning rate of every step."""

import cmath
import math

from minillama.book.exercises import Hole

SECTION = "The rate over time: warm-up and cosine"

learning_rate = Hole("learning_rate", tolerance=1e-9)

learning_rate.case("the top of the rise, by hand", 8.0, step=3, steps=20, warmup=3, peak=8.0, floor=0.1)
learning_rate.case("the first step, by hand: a quarter", 2.0, step=0, steps=20, warmup=3, peak=8.0, floor=0.1)
learning_rate.case("the last step, by hand: a tenth", 0.8, step=19, steps=20, warmup=3, peak=8.0, floor=0.1)
learning_rate.case(
    "no warm-up: the first step has it all", 8.0, step=0, steps=5, warmup=0, peak=8.0, floor=0.1
)
learning_rate.case(
    "a third of the way down, by hand: cos 60° is a half",
    6.5,
    step=3,
    steps=8,
    warmup=1,
    peak=8.0,
    floor=0.25,
)


def turned_pointer(step, steps, warmup, peak, floor):
    """Give the height of a pointer that turns half-way round, from peak to floor."""
    low, high = floor * peak, peak
    if step <= warmup:
        return high * (step + 1) / (warmup + 1)
    turns = (step - warmup) / (steps - 1 - warmup) / 2
    return (low + high) / 2 + (high - low) / 2 * cmath.exp(2j * cmath.pi * turns).real


@learning_rate.against(turned_pointer, "steps of random runs, against a turning pointer", seeds=8)
def runs(rng):
    warmup = int(rng.integers(0, 5))
    steps = warmup + 2 + int(rng.integers(1, 30))
    return {
        "step": int(rng.integers(0, steps)),
        "steps": steps,
        "warmup": warmup,
        "peak": float(rng.choice([3e-4, 1.0, 2.5])),
        "floor": float(rng.choice([0.1, 0.3])),
    }


def shape(step, steps, warmup, peak, floor, **wrong):
    """Give the rate with some of its parts exchanged."""
    rise = wrong.get("rise", (step + 1) / (warmup + 1))
    if step < warmup:
        return peak * rise
    progress = wrong.get("progress", (step - warmup) / (steps - 1 - warmup))
    fall = wrong.get("fall", lambda p: (1 + math.cos(math.pi * p)) / 2)(progress)
    return peak * wrong.get("mix", lambda fall: floor + (1 - floor) * fall)(fall)


@learning_rate.mistake(
    "The first step of the warm-up has a rate of zero: it moves nothing. Here step i has (i + 1)/(w + 1).",
    see=SECTION,
)
def begins_at_zero(step, steps, warmup, peak, floor):
    return shape(step, steps, warmup, peak, floor, rise=step / max(warmup, 1))


@learning_rate.mistake(
    "The warm-up ends a step too early: its last step, w - 1, has the whole peak already. Divide by w + 1.",
    see=SECTION,
)
def ends_too_early(step, steps, warmup, peak, floor):
    return shape(step, steps, warmup, peak, floor, rise=(step + 1) / max(warmup, 1))


@learning_rate.mistake(
    "The cosine began at step 0, not after the warm-up: the rate drops at the moment when the rise is over.",
    see=SECTION,
)
def cosine_from_zero(step, steps, warmup, peak, floor):
    return shape(step, steps, warmup, peak, floor, progress=step / (steps - 1))


@learning_rate.mistake(
    "The last step has not arrived at the floor: the fall was spread over one step more than there is. The"
    " last step is number n - 1.",
    see=SECTION,
)
def never_arrives(step, steps, warmup, peak, floor):
    return shape(step, steps, warmup, peak, floor, progress=(step - warmup) / (steps - warmup))


@learning_rate.mistake(
    "The rate falls to zero. LLaMA's ends at a tenth of the peak, here at `floor`.", see=SECTION
)
def falls_to_zero(step, steps, warmup, peak, floor):
    return shape(step, steps, warmup, peak, floor, mix=lambda fall: fall)


@learning_rate.mistake(
    "The floor was put as a limit: `max(floor, cosine)` is flat at the end. The cosine itself ends there.",
    see=SECTION,
)
def floor_as_limit(step, steps, warmup, peak, floor):
    return shape(step, steps, warmup, peak, floor, mix=lambda fall: max(floor, fall))


@learning_rate.mistake(
    "The floor was added on top: the peak is exceeded. Squeeze the cosine into what is left, (1 - floor).",
    see=SECTION,
)
def floor_on_top(step, steps, warmup, peak, floor):
    return shape(step, steps, warmup, peak, floor, mix=lambda fall: floor + fall)


@learning_rate.mistake("The floor was taken for a rate. It is a share of the peak.", see=SECTION)
def floor_as_rate(step, steps, warmup, peak, floor):
    if step < warmup:
        return shape(step, steps, warmup, peak, floor)
    fall = shape(step, steps, warmup, 1.0, 0.0)
    return floor + (peak - floor) * fall


@learning_rate.mistake("The rate falls in a line. Asked for is half a cosine.", see=SECTION)
def falls_in_a_line(step, steps, warmup, peak, floor):
    return shape(step, steps, warmup, peak, floor, fall=lambda p: 1 - p)


@learning_rate.mistake(
    "The cosine was given a whole turn: in the middle it is at the floor, at the end it is back at the peak.",
    see=SECTION,
)
def whole_turn(step, steps, warmup, peak, floor):
    return shape(step, steps, warmup, peak, floor, fall=lambda p: (1 + math.cos(2 * math.pi * p)) / 2)


learning_rate.survives("step < warmup -> step <= warmup", "at step w both formulas give the whole peak")
