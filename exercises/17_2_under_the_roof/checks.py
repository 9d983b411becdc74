"""Checks of 17.2: the limit, and the distance to the roof. The oracle goes by intensity and ridge."""

from fractions import Fraction

from minillama.book.exercises import Hole

IDEA = "The idea: two roads"
ROOF = "Every operation under the roof"
WRONG = "Planted mistakes"

under_the_roof = Hole("under_the_roof", tolerance=1e-9)


def timed(flops, moved, seconds, peak=100.0, bandwidth=10.0):
    return {"flops": flops, "moved": moved, "seconds": seconds, "peak": peak, "bandwidth": bandwidth}


under_the_roof.case("left of the ridge, by hand", ("memory", 0.25), **timed(100.0, 50.0, 20.0))
under_the_roof.case("right of the ridge, by hand", ("arithmetic", 0.5), **timed(1000.0, 50.0, 20.0))
under_the_roof.case("at the ridge, by hand", ("arithmetic", 0.5), **timed(500.0, 50.0, 10.0))
under_the_roof.case("a copy computes nothing", ("memory", 0.5), **timed(0.0, 40.0, 8.0))
under_the_roof.case("from a cache: through the roof of memory", ("memory", 2.0), **timed(10.0, 40.0, 2.0))


def by_intensity(flops, moved, seconds, peak, bandwidth):
    """Draw the roof in exact fractions; a copy is a case of its own."""
    W, Q, t, pi, beta = map(Fraction, (flops, moved, seconds, peak, bandwidth))
    if W == 0:
        return "memory", float(Q / t / beta)
    attainable = min(pi, beta * (W / Q))
    intensity, ridge = W / Q, pi / beta
    limit = "memory" if intensity < ridge else "arithmetic"
    return limit, float(W / t / attainable)


@under_the_roof.against(by_intensity, "random operations and machines, in exact fractions", seeds=12)
def operations(rng):
    return timed(*(float(rng.integers(1, 1000)) for _ in range(5)))


@under_the_roof.law("twice the time, half as near, the same limit", operations)
def twice_the_time(under_the_roof, flops, moved, seconds, *machine):
    limit, share = under_the_roof(flops, moved, seconds, *machine)
    return under_the_roof(flops, moved, 2 * seconds, *machine), (limit, share / 2)


def name(flops, moved, peak, bandwidth):
    return "memory" if moved / bandwidth > flops / peak else "arithmetic"


@under_the_roof.mistake(
    "Your share is of the peak. Left of the ridge nothing can reach the peak: hold the operation"
    " against the roof above it.",
    see=ROOF,
)
def share_of_peak(flops, moved, seconds, peak, bandwidth):
    return name(flops, moved, peak, bandwidth), flops / seconds / peak


@under_the_roof.mistake(
    "Your share is of the bandwidth, also right of the ridge, where memory is not the limit.", see=ROOF
)
def share_of_bandwidth(flops, moved, seconds, peak, bandwidth):
    return name(flops, moved, peak, bandwidth), moved / seconds / bandwidth


@under_the_roof.mistake(
    "The limit's name is the other one. Where the bytes take longer than the arithmetic, memory is"
    " the limit.",
    see=IDEA,
)
def names_swapped(flops, moved, seconds, peak, bandwidth):
    limit = "arithmetic" if moved / bandwidth > flops / peak else "memory"
    return limit, max(moved / bandwidth, flops / peak) / seconds


@under_the_roof.mistake(
    "You took the shorter of the two times for the least. An operation is done when both roads are:"
    " the longer.",
    see=IDEA,
)
def the_shorter(flops, moved, seconds, peak, bandwidth):
    return name(flops, moved, peak, bandwidth), min(moved / bandwidth, flops / peak) / seconds


@under_the_roof.mistake(
    "You added the two times, as if the processor waited for all bytes before it computed. Both go on"
    " at once.",
    see=IDEA,
)
def one_after_the_other(flops, moved, seconds, peak, bandwidth):
    return name(flops, moved, peak, bandwidth), (moved / bandwidth + flops / peak) / seconds


@under_the_roof.mistake(
    "Your share is upside down: time taken over least time. On the roof it is 1, below it less.", see=ROOF
)
def upside_down(flops, moved, seconds, peak, bandwidth):
    return name(flops, moved, peak, bandwidth), seconds / max(moved / bandwidth, flops / peak)


@under_the_roof.mistake(
    "Where both take as long, at the ridge, you say memory; the task says arithmetic.", see=IDEA
)
def tie(flops, moved, seconds, peak, bandwidth):
    limit = "memory" if moved / bandwidth >= flops / peak else "arithmetic"
    return limit, max(moved / bandwidth, flops / peak) / seconds


@under_the_roof.mistake(
    "You compared FLOPs with bytes. The ridge is not at one FLOP a byte: each has a rate of its own.",
    see=IDEA,
)
def ridge_at_one(flops, moved, seconds, peak, bandwidth):
    limit = "memory" if moved > flops else "arithmetic"
    return limit, max(moved / bandwidth, flops / peak) / seconds


@under_the_roof.mistake(
    "You cut the share off at 1. An operation above the roof of memory is no error to hide: its bytes"
    " came from a cache, or were miscounted.",
    see=WRONG,
)
def cut_off(flops, moved, seconds, peak, bandwidth):
    return name(flops, moved, peak, bandwidth), min(1.0, max(moved / bandwidth, flops / peak) / seconds)


@under_the_roof.mistake(
    "You divided by the intensity, and a copy has none: with 0 FLOPs that is a division by zero."
    " Compare times.",
    see=IDEA,
)
def no_copies(flops, moved, seconds, peak, bandwidth):
    attainable = min(peak, bandwidth * flops / moved)
    return name(flops, moved, peak, bandwidth), flops / seconds / attainable
