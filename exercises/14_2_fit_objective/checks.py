"""Checks of 14.2: the objective of Chinchilla's fit."""

import numpy as np

from minillama.book.exercises import Hole

FIT = "Fitting it"

fit_objective = Hole("fit_objective", tolerance=1e-9)

ONES = np.array([0.0, 0.0, 0.0, 0.5, 0.5])  # L = 1 + 1/sqrt(N) + 1/sqrt(D)

fit_objective.case(
    "one run, a small error, by hand",
    0.02,
    theta=ONES,
    n_params=np.array([4.0]),
    tokens=np.array([4.0]),
    losses=np.array([2.0 * np.exp(0.2)]),
    delta=0.5,
)
fit_objective.case(
    "one run, a large error, by hand",
    0.375,
    theta=ONES,
    n_params=np.array([4.0]),
    tokens=np.array([4.0]),
    losses=np.array([2.0 * np.e]),
    delta=0.5,
)
fit_objective.case(
    "two runs add up",
    0.75,
    theta=ONES,
    n_params=np.array([4.0, 4.0]),
    tokens=np.array([4.0, 4.0]),
    losses=np.array([2.0 * np.e, 2.0 / np.e]),
    delta=0.5,
)


def by_torch(theta, n_params, tokens, losses, delta):
    """Compute it by torch's logsumexp and huber_loss."""
    import torch

    a, b, e, alpha, beta = torch.tensor(theta)
    N, D, L = (torch.tensor(v) for v in (n_params, tokens, losses))
    terms = torch.stack([a - alpha * N.log(), b - beta * D.log(), e.expand(len(N))])
    return torch.nn.functional.huber_loss(terms.logsumexp(0), L.log(), delta=delta, reduction="sum").item()


@fit_objective.against(by_torch, "random runs, against torch", seeds=5)
def random_runs(rng):
    R = int(rng.integers(2, 6))
    n_params, tokens = rng.uniform(2, 50, R), rng.uniform(2, 50, R)
    theta = np.array([*rng.uniform(-0.5, 1, 3), *rng.uniform(0.2, 0.8, 2)])
    law = np.exp(theta[2]) + np.exp(theta[0]) / n_params ** theta[3] + np.exp(theta[1]) / tokens ** theta[4]
    losses = law * np.exp(np.append(rng.choice([-1, 1]) * 0.9, 0.1 * rng.normal(size=R - 1)))
    return {"theta": theta, "n_params": n_params, "tokens": tokens, "losses": losses, "delta": 0.3}


def law_of(theta, n_params, tokens):
    a, b, e, alpha, beta = theta
    return np.exp(e) + np.exp(a) / n_params**alpha + np.exp(b) / tokens**beta


def huber(error, delta):
    size = np.abs(error)
    return np.where(size <= delta, size**2 / 2, delta * (size - delta / 2))


@fit_objective.mistake(
    "The mean over runs was taken, not the sum. The minimum is the same, but an optimiser with a fixed"
    " tolerance stops earlier: those who repeated Chinchilla's own fit say that this went wrong in it.",
    see="Planted mistakes",
)
def mean(theta, n_params, tokens, losses, delta):
    return float(np.mean(huber(np.log(law_of(theta, n_params, tokens) / losses), delta)))


@fit_objective.mistake(
    "The losses were compared, not their logarithms: then the poor runs, with their large losses,"
    " decide the fit.",
    see=FIT,
)
def losses_compared(theta, n_params, tokens, losses, delta):
    return float(np.sum(huber(law_of(theta, n_params, tokens) - losses, delta)))


@fit_objective.mistake(
    "The errors were squared throughout (halved): without the straight branch one wild run dominates.",
    see=FIT,
)
def squares(theta, n_params, tokens, losses, delta):
    return float(np.sum(np.log(law_of(theta, n_params, tokens) / losses) ** 2) / 2)


@fit_objective.mistake(
    "The square branch is not halved: then the two branches do not meet at delta.", see=FIT
)
def not_halved(theta, n_params, tokens, losses, delta):
    size = np.abs(np.log(law_of(theta, n_params, tokens) / losses))
    return float(np.sum(np.where(size <= delta, size**2, delta * (size - delta / 2))))


@fit_objective.mistake(
    "The straight branch is delta |r|: without taking off delta / 2 it lies above the square"
    " where they should meet.",
    see=FIT,
)
def jump(theta, n_params, tokens, losses, delta):
    size = np.abs(np.log(law_of(theta, n_params, tokens) / losses))
    return float(np.sum(np.where(size <= delta, size**2 / 2, delta * size)))


@fit_objective.mistake(
    "The straight branch has slope 1, not delta: |r| - delta / 2 has to be multiplied by delta.", see=FIT
)
def slope_one(theta, n_params, tokens, losses, delta):
    size = np.abs(np.log(law_of(theta, n_params, tokens) / losses))
    return float(np.sum(np.where(size <= delta, size**2 / 2, size - delta / 2)))


@fit_objective.mistake(
    "a, b and e were taken for A, B and E themselves; they are their logarithms, which keeps the"
    " three positive.",
    see=FIT,
)
def logarithms_forgotten(theta, n_params, tokens, losses, delta):
    a, b, e, alpha, beta = theta
    law = e + a / n_params**alpha + b / tokens**beta
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(np.sum(huber(np.log(law / losses), delta)))


@fit_objective.mistake(
    "The loss grows with N and D: the exponents have lost their minus. A / N^alpha is exp(a - alpha log N).",
    see=FIT,
)
def growing(theta, n_params, tokens, losses, delta):
    return whole(theta * np.array([1, 1, 1, -1, -1]), n_params, tokens, losses, delta)


def whole(theta, n_params, tokens, losses, delta):
    return float(np.sum(huber(np.log(law_of(theta, n_params, tokens) / losses), delta)))


@fit_objective.mistake(
    "a and b, or alpha and beta, have changed places: theta is a, b, e, alpha, beta, and a, alpha go with N.",
    see=FIT,
)
def swapped(theta, n_params, tokens, losses, delta):
    return whole(theta, tokens, n_params, losses, delta)


fit_objective.survives(
    "size <= delta -> size < delta", "at delta itself the two branches have the same value"
)
