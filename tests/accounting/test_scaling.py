"""Closed forms of Chinchilla's law against brute force. Published constants: tests/test_accounting.py."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from minillama.accounting import BESIROGLU, HOFFMANN, HOFFMANN_TEX, ScalingLaw

SMALL = ScalingLaw(E=0.24, A=60.0, B=2000.0, alpha=0.5, beta=0.6)
LAWS = pytest.mark.parametrize("law", [HOFFMANN, HOFFMANN_TEX, BESIROGLU, SMALL])


@LAWS
@pytest.mark.parametrize("flops", [1e12, 3e17, 5.76e23])
def test_the_optimum_is_what_a_search_finds(law: ScalingLaw, flops: float) -> None:
    def loss(log_n: float) -> float:
        return law.loss(math.exp(log_n), flops / 6 / math.exp(log_n)) - law.E

    best = law.optimum(flops)
    found = minimize_scalar(loss, bounds=(5.0, 40.0), method="bounded", options={"xatol": 1e-9})  # convex
    assert math.exp(found.x) == pytest.approx(best.n_params, rel=1e-5)  # the valley is flat
    assert best.flops == pytest.approx(flops)


@LAWS
def test_the_exponent_is_the_slope_of_the_optimum(law: ScalingLaw) -> None:
    sizes = [law.optimum(c).n_params for c in (1e20, 1e24)]
    assert math.log(sizes[1] / sizes[0]) / math.log(1e4) == pytest.approx(law.n_exponent)


@LAWS
def test_tokens_to_reach_invert_the_loss(law: ScalingLaw) -> None:
    assert law.tokens_to_reach(law.loss(3e8, 7e9), 3e8) == pytest.approx(7e9, rel=1e-6)
    edge = law.E + law.A / 3e8**law.alpha  # what endless data gives
    assert law.tokens_to_reach(edge - 1e-9, 3e8) == math.inf


@LAWS
@pytest.mark.parametrize("per_param", [0.0, 1.0, 300.0, 1e5])
def test_the_lifetime_optimum_is_what_a_search_finds(law: ScalingLaw, per_param: float) -> None:
    best_in_training = law.optimum(1e21)
    target = law.loss(*best_in_training)
    used = per_param * best_in_training.n_params

    def cost(log_n: float) -> float:
        n_params = math.exp(log_n)
        return 6 * n_params * law.tokens_to_reach(target, n_params) + 2 * n_params * used

    floor = (law.A / (target - law.E)) ** (1 / law.alpha)  # smaller models never get there
    bounds = math.log(floor * (1 + 1e-12)), math.log(100 * best_in_training.n_params)
    found = minimize_scalar(cost, bounds=bounds, method="bounded", options={"xatol": 1e-10})
    best = law.lifetime_optimum(target, used)
    assert best.n_params == pytest.approx(math.exp(found.x), rel=1e-3)
    assert cost(math.log(best.n_params)) <= found.fun * (1 + 1e-9)
    assert law.loss(*best) == pytest.approx(target, rel=1e-9)
    if per_param == 0:
        assert best.n_params == pytest.approx(best_in_training.n_params, rel=1e-6)


def test_the_more_use_the_smaller_the_model() -> None:
    target = BESIROGLU.loss(70e9, 1.4e12)
    best = [BESIROGLU.lifetime_optimum(target, used) for used in np.geomspace(1e9, 1e15, 7)]
    assert all(later.n_params < earlier.n_params for earlier, later in itertools.pairwise(best))
    assert all(later.tokens > earlier.tokens for earlier, later in itertools.pairwise(best))


@pytest.mark.error_contract
def test_what_cannot_be() -> None:
    with pytest.raises(ValueError, match=r"above E = 1\.8172"):
        BESIROGLU.lifetime_optimum(1.8, 1e12)
    with pytest.raises(ValueError, match="inference_tokens -1"):
        BESIROGLU.lifetime_optimum(2.0, -1)
    with pytest.raises(ValueError, match="n_params is 0"):
        BESIROGLU.tokens_to_reach(2.0, 0)
