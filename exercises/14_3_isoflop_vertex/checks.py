"""Checks of 14.3: the lowest point of a parabola in log N."""

import math
from fractions import Fraction

import numpy as np

from minillama.book.exercises import Hole, Raises

CURVES = "IsoFLOP curves"

isoflop_vertex = Hole("isoflop_vertex", tolerance=1e-6)

isoflop_vertex.case(
    "a symmetric valley", 1e4, n_params=np.array([1e3, 1e4, 1e5]), losses=np.array([3.2, 3.0, 3.2])
)
isoflop_vertex.case(
    "the lowest point lies between two models",
    math.sqrt(2.0) * 10,
    n_params=np.array([10.0, 20.0, 40.0]),
    losses=np.array([2.0, 2.0, 2.4]),
)
isoflop_vertex.case(
    "a hill has no lowest point",
    Raises(ValueError),
    n_params=np.array([1e3, 1e4, 1e5]),
    losses=np.array([3.0, 3.2, 3.0]),
)


def by_fractions(n_params, losses):
    """Solve the three normal equations by Cramer's rule, in exact fractions."""
    x = [Fraction(math.log(n)) for n in n_params]
    y = [Fraction(float(loss)) for loss in losses]
    power = [sum(v**k for v in x) for k in range(5)]
    right = [sum(v**k * w for v, w in zip(x, y, strict=True)) for k in range(3)]

    def determinant(m):
        (a, b, c), (d, e, f), (g, h, i) = m
        return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)

    rows = [[power[i + j] for j in range(3)] for i in range(3)]

    def coefficient(k):
        return determinant([[right[i] if j == k else rows[i][j] for j in range(3)] for i in range(3)])

    return math.exp(-coefficient(1) / (2 * coefficient(2)))


@isoflop_vertex.against(by_fractions, "noisy valleys, against exact fractions", seeds=5)
def valley(rng):
    n_params = np.geomspace(8.0, 200.0, int(rng.integers(4, 7))).round(1)
    best = rng.uniform(20, 90)
    losses = 2 + 0.2 * np.log(n_params / best) ** 2 + 0.01 * rng.normal(size=len(n_params))
    return {"n_params": n_params, "losses": losses.round(3)}


@isoflop_vertex.law("sizes in other units: the answer in those units", valley, seeds=2)
def units(isoflop_vertex, n_params, losses):
    return isoflop_vertex(1000 * n_params, losses) / 1000, isoflop_vertex(n_params, losses)


def parabola(x, y):
    square, slope, _ = np.polyfit(x, y, 2)
    if square <= 0:
        raise ValueError("no lowest point")
    return square, slope


@isoflop_vertex.mistake(
    "The parabola was drawn over N, not over log N. Sizes are spaced by factors, and only over log N are"
    " the two sides of the valley alike.",
    see=CURVES,
)
def over_n(n_params, losses):
    square, slope = parabola(n_params, losses)
    return float(-slope / (2 * square))


@isoflop_vertex.mistake(
    "This is the best of the models that were trained. The lowest point of the parabola lies between them.",
    see=CURVES,
)
def best_run(n_params, losses):
    parabola(np.log(n_params), losses)
    return float(n_params[np.argmin(losses)])


@isoflop_vertex.mistake(
    "The result is the logarithm of the size: take its exponential at the end.", see=CURVES
)
def still_a_logarithm(n_params, losses):
    square, slope = parabola(np.log(n_params), losses)
    return float(-slope / (2 * square))


@isoflop_vertex.mistake(
    "The 2 is missing: the derivative of c2 x^2 + c1 x is 2 c2 x + c1, zero at -c1 / (2 c2).", see=CURVES
)
def two_forgotten(n_params, losses):
    square, slope = parabola(np.log(n_params), losses)
    return float(np.exp(-slope / square))


@isoflop_vertex.mistake(
    "The sign is wrong: the lowest point is at minus c1 / (2 c2), and you have one over the size.", see=CURVES
)
def sign_lost(n_params, losses):
    square, slope = parabola(np.log(n_params), losses)
    return float(np.exp(slope / (2 * square)))


@isoflop_vertex.mistake(
    "The logarithm was to base 10, and the way back to base e. One base for both.", see=CURVES
)
def two_bases(n_params, losses):
    square, slope = parabola(np.log10(n_params), losses)
    return float(np.exp(-slope / (2 * square)))


@isoflop_vertex.mistake(
    "The parabola was fitted to the logarithm of the loss. That belongs to the fit of the whole law; here"
    " the loss itself was asked for.",
    see=CURVES,
)
def log_loss(n_params, losses):
    square, slope = parabola(np.log(n_params), np.log(losses))
    return float(np.exp(-slope / (2 * square)))


@isoflop_vertex.mistake(
    "A parabola that opens downwards got an answer: its highest point, the worst size. Refuse it.", see=CURVES
)
def hills_accepted(n_params, losses):
    square, slope, _ = np.polyfit(np.log(n_params), losses, 2)
    return float(np.exp(-slope / (2 * square)))


isoflop_vertex.survives(
    "square <= 0 -> square < 0", "differs only for an exact line, which floats fit with a tiny bend"
)
