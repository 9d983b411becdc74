"""Checks of 21.3: the first step outside of a band. The oracle walks step by step and twin by twin."""

import math

import numpy as np

from minillama.book.exercises import Hole

CURVE = "One loss curve"
YARDSTICKS = "The mathematics: three yardsticks"

first_parting = Hole("first_parting")

TENTH = np.array([[4.125, 3.0, 2.0625]])
EXACT = np.array([4.0, 3.0, 2.0])


def given(curve, exact=EXACT, twins=TENTH, factor=2.0):
    return {
        "curve": np.array(curve, float), "exact": np.array(exact, float),
        "twins": np.array(twins, float), "factor": float(factor),
    }  # fmt: skip


first_parting.case("inside, by hand", None, **given([4.125, 2.875, 1.875]))
first_parting.case("above at the last step, by hand", 3, **given([4.125, 2.875, 2.375]))
first_parting.case("below at the first step, by hand", 1, **given([3.5, 3.0, 2.0]))
first_parting.case("the edge belongs to the band", None, **given([4.25, 2.75, 2.25]))
first_parting.case("outside and back again", 2, **given([4.0, 3.5, 2.0]))
first_parting.case("no number", 2, **given([4.0, math.nan, 2.0]))
first_parting.case("no number from the first step on", 1, **given([math.nan, math.nan, math.nan]))
first_parting.case("an infinite loss", 3, **given([4.0, 3.0, math.inf]))
first_parting.case("the twins part late", 1, **given([4.1, 3.1, 2.1], twins=[[4.01, 3.02, 3.0]]))
first_parting.case(
    "twins that are exact: one float32 apart is inside", None,
    **given([4 + 2.0**-21, 3 - 2.0**-22, 2 + 2.0**-22], twins=[EXACT, EXACT]),
)  # fmt: skip
first_parting.case(
    "twins that are exact: two float32 apart is outside", 2,
    **given([4 + 2.0**-21, 3 + 2.0**-21, 2], twins=[EXACT, EXACT]),
)  # fmt: skip
first_parting.case(
    "twins on both sides", None, **given([4.0, 3.0, 1.5], twins=[[4.0, 3.125, 2.0], [3.75, 3.0, 2.0]])
)
first_parting.case(
    "a distance in nats, not a share of the loss",
    2,
    **given([8.0, 0.5], exact=[8.0, 0.125], twins=[[8.0625, 0.125]]),
)


def walk(curve, exact, twins, factor):
    """Step by step, twin by twin."""
    farthest = 0.0
    for t, right in enumerate(exact.tolist()):
        for twin in twins:
            farthest = max(farthest, abs(float(twin[t]) - right))
        here = np.float32(right)
        floor = float(np.nextafter(here, np.float32(np.inf)) - here)
        distance = abs(float(curve[t]) - right)
        if math.isnan(distance) or distance > max(factor * farthest, floor):
            return t + 1
    return None


@first_parting.against(walk, "random curves, step by step", seeds=40)
def curves(rng):
    S, K = int(rng.integers(3, 9)), int(rng.integers(1, 4))
    exact = np.sort(rng.uniform(1.0, 7.0, S))[::-1].copy()
    growth = np.cumprod(rng.uniform(0.8, 1.6, S)) * 1e-3
    twins = exact + growth * rng.normal(size=(K, S))
    curve = exact + growth * rng.normal(size=S) * float(rng.choice([0.7, 2.0, 4.0]))
    if rng.random() < 0.2:
        curve[int(rng.integers(S))] = math.nan
    return {"curve": curve, "exact": exact, "twins": twins, "factor": 2.0}


def far(exact, twins):
    return np.abs(twins - exact)


def spacing(exact):
    return np.spacing(exact.astype(np.float32)).astype(float)


def first(outside):
    return int(np.argmax(outside)) + 1 if outside.any() else None


def band_of(exact, twins, factor):
    return np.maximum(factor * np.maximum.accumulate(far(exact, twins).max(axis=0)), spacing(exact))


@first_parting.mistake(
    "A loss of NaN stays in your band: every comparison with it is false. Ask for what is not inside,"
    " rather than for what is outside.",
    see=CURVE,
)
def nan_inside(curve, exact, twins, factor):
    with np.errstate(invalid="ignore"):
        return first(np.abs(curve - exact) > band_of(exact, twins, factor))


@first_parting.mistake(
    "Your band is as wide as the twins are away at this one step. Where a twin happens to cross the exact"
    " curve, it has no width: take the largest distance so far.",
    see=CURVE,
)
def no_memory(curve, exact, twins, factor):
    band = np.maximum(factor * far(exact, twins).max(axis=0), spacing(exact))
    return first(~(np.abs(curve - exact) <= band))


@first_parting.mistake(
    "Your band knows the future: it is as wide from the first step on as the twins ever come. Early steps"
    " are where right curves agree best: only steps up to this one count.",
    see=CURVE,
)
def knows_the_future(curve, exact, twins, factor):
    band = np.maximum(factor * far(exact, twins).max(), spacing(exact))
    return first(~(np.abs(curve - exact) <= band))


@first_parting.mistake(
    "Only a loss that is too high leaves your band. One that is too low is as wrong.", see=YARDSTICKS
)
def one_sided(curve, exact, twins, factor):
    return first(~(curve - exact <= band_of(exact, twins, factor)))


@first_parting.mistake(
    "The twins' distances were averaged. The band is made by the one that is farthest away.", see=YARDSTICKS
)
def mean_of_twins(curve, exact, twins, factor):
    band = np.maximum(factor * np.maximum.accumulate(far(exact, twins).mean(axis=0)), spacing(exact))
    return first(~(np.abs(curve - exact) <= band))


@first_parting.mistake(
    "Where the twins are exact your band has no width. No float32 loss can be asked for more than its own"
    " spacing.",
    see=YARDSTICKS,
)
def no_floor(curve, exact, twins, factor):
    band = factor * np.maximum.accumulate(far(exact, twins).max(axis=0))
    return first(~(np.abs(curve - exact) <= band))


@first_parting.mistake("The step was counted from 0. The first is step 1.", see=CURVE)
def from_zero(curve, exact, twins, factor):
    found = first(~(np.abs(curve - exact) <= band_of(exact, twins, factor)))
    return None if found is None else found - 1


@first_parting.mistake(
    "The last step outside was returned. From the first on, nothing can be trusted.", see=CURVE
)
def last(curve, exact, twins, factor):
    outside = ~(np.abs(curve - exact) <= band_of(exact, twins, factor))
    return int(np.flatnonzero(outside)[-1]) + 1 if outside.any() else None


@first_parting.mistake("The distances were divided by the loss. The band is in nats.", see=YARDSTICKS)
def relative(curve, exact, twins, factor):
    band = np.maximum(
        factor * np.maximum.accumulate((far(exact, twins) / exact).max(axis=0)), spacing(exact) / exact
    )
    return first(~(np.abs(curve - exact) / exact <= band))
