"""Checks of 21.2: three shares of a step. The oracle goes one by one, in fractions."""

from fractions import Fraction

import numpy as np

from minillama.book.exercises import Hole

YARDSTICKS = "The mathematics: three yardsticks"
LEAST = "What a step takes at the least"
MEASURED = "What was measured, and where"

shares = Hole("shares", tolerance=1e-9)


def step(seconds, model_flops, flops, moved, peak, bandwidth):
    return {
        "seconds": np.array(seconds, float),
        "model_flops": float(model_flops),
        "flops": np.array(flops, float),
        "moved": np.array(moved, float),
        "peak": float(peak),
        "bandwidth": float(bandwidth),
    }


shares.case(
    "one operation, limited by arithmetic", (0.25, 2.0, 0.5), **step([9, 4], 100, [200], [50], 100, 100)
)
shares.case("one operation, limited by bytes", (0.25, 3.0, 0.75), **step([9, 4], 100, [200], [300], 100, 100))
shares.case(
    "two operations, one of each kind, by hand",
    (0.6, 5.0, 0.5),
    **step([99, 10, 9, 14], 600, [300, 50], [10, 20], 100, 10),
)
shares.case(
    "an even number of runs after the first",
    (0.5, 1.0, 0.1),
    **step([1, 8, 12, 30, 2], 50, [10], [1], 10, 10),
)


def by_fractions(seconds, model_flops, flops, moved, peak, bandwidth):
    """In exact fractions, one run and one operation at a time."""
    runs = sorted(Fraction(float(s)) for s in seconds[1:])
    middle = len(runs) // 2
    took = runs[middle] if len(runs) % 2 else (runs[middle - 1] + runs[middle]) / 2
    least = Fraction(0)
    for f, b in zip(flops, moved, strict=True):
        arithmetic, memory = Fraction(float(f)) / Fraction(peak), Fraction(float(b)) / Fraction(bandwidth)
        least += arithmetic if arithmetic > memory else memory
    return float(Fraction(model_flops) / took / Fraction(peak)), float(least), float(least / took)


@shares.against(by_fractions, "random steps, in fractions", seeds=8)
def steps(rng):
    R, N = int(rng.integers(3, 8)), int(rng.integers(2, 6))
    seconds = rng.uniform(1.0, 2.0, R)
    seconds[0] += 3.0
    flops, moved = rng.uniform(1.0, 9.0, N), rng.uniform(1.0, 9.0, N)
    return step(seconds, flops.sum() * rng.uniform(0.5, 0.9), flops, moved, 20.0, 25.0)


@shares.law("on a device twice as fast in all, the least time is half", steps)
def twice_as_fast(shares, seconds, model_flops, flops, moved, peak, bandwidth):
    fast = shares(seconds, model_flops, flops, moved, 2 * peak, 2 * bandwidth)
    return fast[1], shares(seconds, model_flops, flops, moved, peak, bandwidth)[1] / 2


def made(took, model_flops, least, peak):
    return model_flops / (took * peak), least, least / took


def roofs(flops, moved, peak, bandwidth):
    return float(np.maximum(flops / peak, moved / bandwidth).sum())


@shares.mistake(
    "The sums were compared: all arithmetic with all bytes. That lets one operation compute while"
    " another's bytes come. Take the longer time of each operation, then add.",
    see=LEAST,
)
def maximum_of_sums(seconds, model_flops, flops, moved, peak, bandwidth):
    least = max(float(flops.sum()) / peak, float(moved.sum()) / bandwidth)
    return made(float(np.median(seconds[1:])), model_flops, least, peak)


@shares.mistake(
    "Arithmetic and bytes of an operation were added. At best they overlap: the longer one counts.",
    see=YARDSTICKS,
)
def no_overlap(seconds, model_flops, flops, moved, peak, bandwidth):
    least = float((flops / peak + moved / bandwidth).sum())
    return made(float(np.median(seconds[1:])), model_flops, least, peak)


@shares.mistake("Only the longest operation counts in yours. They follow one another: add.", see=YARDSTICKS)
def longest_alone(seconds, model_flops, flops, moved, peak, bandwidth):
    least = float(np.maximum(flops / peak, moved / bandwidth).max())
    return made(float(np.median(seconds[1:])), model_flops, least, peak)


@shares.mistake(
    "The first run was counted. It compiles, allocates and fills caches: leave it out.", see=MEASURED
)
def warm_up_counted(seconds, model_flops, flops, moved, peak, bandwidth):
    return made(float(np.median(seconds)), model_flops, roofs(flops, moved, peak, bandwidth), peak)


@shares.mistake(
    "The mean of the runs was taken: one run that something disturbed moves it. Take the median.",
    see=MEASURED,
)
def mean_of_runs(seconds, model_flops, flops, moved, peak, bandwidth):
    return made(float(seconds[1:].mean()), model_flops, roofs(flops, moved, peak, bandwidth), peak)


@shares.mistake("The best run was taken. It is the least that was seen, not what a step takes.", see=MEASURED)
def best_run(seconds, model_flops, flops, moved, peak, bandwidth):
    return made(float(seconds[1:].min()), model_flops, roofs(flops, moved, peak, bandwidth), peak)


@shares.mistake(
    "MFU counts the FLOPs that the program ran, recomputed ones too. It should be the model's own: a"
    " program must not look better by computing more.",
    see=YARDSTICKS,
)
def hardware_flops(seconds, model_flops, flops, moved, peak, bandwidth):
    least = roofs(flops, moved, peak, bandwidth)
    return made(float(np.median(seconds[1:])), float(flops.sum()), least, peak)


@shares.mistake(
    "The last share is upside down: the least time is the smaller one, and the share at most 1.", see=LEAST
)
def upside_down(seconds, model_flops, flops, moved, peak, bandwidth):
    found = made(float(np.median(seconds[1:])), model_flops, roofs(flops, moved, peak, bandwidth), peak)
    return found[0], found[1], 1 / found[2]
