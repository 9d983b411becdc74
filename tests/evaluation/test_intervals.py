"""Intervals and tests of difference, against scipy-free formulas, enumeration, and repeated experiments."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

from minillama.evaluation.comparison import compare_paired, questions_needed, sign_test
from minillama.evaluation.intervals import bootstrap, share_interval


def test_the_bootstrap_of_three_values_is_the_one_by_enumeration() -> None:
    values = [0.0, 1.0, 5.0]
    means = sorted(sum(draw) / 3 for draw in product(values, repeat=3))  # all 27, equally likely
    found = bootstrap(values, samples=200_000, level=0.5)
    assert found.estimate == 2.0
    assert found.low in means
    assert found.high in means
    # a quarter lies below each end, up to the steps of a distribution on 27 draws
    below_low = sum(mean < found.low for mean in means) / 27
    up_to_low = sum(mean <= found.low for mean in means) / 27
    assert below_low <= 0.25 <= up_to_low
    assert sum(mean < found.high for mean in means) / 27 <= 0.75 <= sum(m <= found.high for m in means) / 27


@pytest.mark.parametrize("kinds", ["right or wrong", "all different"])
def test_the_bootstrap_has_the_standard_error_of_a_mean(kinds: str) -> None:
    rng = np.random.default_rng(1)
    values = (rng.random(900) < 0.3).astype(float) if kinds == "right or wrong" else rng.normal(size=900)
    found = bootstrap(values, samples=20_000)
    error = values.std() / math.sqrt(900)
    assert found.estimate == pytest.approx(values.mean(), rel=1e-12)
    # 20,000 draws place a 2.5 % quantile within 2 % of the standard error (one sigma: 0.019)
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * error, rel=0.05)
    assert bootstrap(values, samples=20_000) == found
    assert bootstrap(values, samples=20_000, seed=1) != found


@pytest.mark.parametrize(("share", "n"), [(0.7, 200), (0.95, 100)])
def test_95_of_100_intervals_hold_the_truth(share: float, n: int) -> None:
    rng = np.random.default_rng(2)
    experiments = 600
    rights = rng.binomial(n, share, experiments)
    boot = wilson = 0
    for right in rights:
        values = np.repeat([1.0, 0.0], [right, n - right])
        a, b = bootstrap(values, samples=1000), share_interval(right / n, n)
        boot += a.low <= share <= a.high
        wilson += b.low <= share <= b.high
    assert 0.90 < boot / experiments < 0.98  # percentile intervals are a little short for shares near one
    assert 0.93 < wilson / experiments < 0.98  # two sigma of 600 experiments: 0.018


def test_wilsons_interval_solves_its_equation() -> None:
    for share, n in ((0.0, 10), (0.25, 40), (1.0, 7)):
        found = share_interval(share, n)
        for end in (found.low, found.high):  # |share - end| is 1.96 standard errors of a share of `end`
            assert abs(share - end) == pytest.approx(1.959964 * math.sqrt(end * (1 - end) / n), abs=1e-6)
        assert 0 <= found.low <= share <= found.high <= 1


def test_the_sign_test_by_enumeration() -> None:
    for wins, losses in ((5, 0), (6, 2), (3, 3), (0, 0), (1, 7)):
        n = wins + losses
        far = sum(abs(2 * sum(coins) - n) >= abs(wins - losses) for coins in product((0, 1), repeat=n))
        assert sign_test(wins, losses) == pytest.approx(far / 2**n, rel=1e-12)
    # far too many coins for floats: the normal approximation, within its error at 3 sigma
    assert sign_test(5150, 4850) == pytest.approx(math.erfc(2.99 / math.sqrt(2)), rel=0.01)


def test_pairs_tell_models_apart_that_separate_intervals_do_not() -> None:
    rng = np.random.default_rng(3)
    hard = rng.random(1000)
    a, b = hard < 0.72, hard < 0.70  # the same questions are hard for both
    flipped = rng.random(1000) < 0.02
    a = a ^ flipped
    found = compare_paired(a, b)
    assert (found.wins, found.losses) == (int((a & ~b).sum()), int((b & ~a).sum()))
    assert found.difference.estimate == pytest.approx(a.mean() - b.mean(), abs=1e-12)
    assert bootstrap(a).low < bootstrap(b).high  # the intervals overlap
    assert found.difference.high - found.difference.low < 0.5 * (bootstrap(a).high - bootstrap(a).low)


def test_as_many_questions_as_needed_find_the_difference_as_often_as_asked() -> None:
    rng = np.random.default_rng(4)
    n = questions_needed(0.05, disagreement=0.2)
    wins, losses, _ = rng.multinomial(n, [0.125, 0.075, 0.8], 2000).T
    z = (wins - losses) / np.sqrt(wins + losses)
    assert np.mean(z > 1.96) == pytest.approx(0.8, abs=0.03)  # sigma of 2000 experiments: 0.009
    n = questions_needed(0.05, share=0.7)
    a, b = rng.binomial(n, 0.725, 2000) / n, rng.binomial(n, 0.675, 2000) / n
    error = np.sqrt((a * (1 - a) + b * (1 - b)) / n)
    assert np.mean((a - b) / error > 1.96) == pytest.approx(0.8, abs=0.03)


@pytest.mark.error_contract
def test_what_has_no_interval_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one value"):
        bootstrap([])
    with pytest.raises(ValueError, match="level is 95"):
        bootstrap([1.0], level=95)
    with pytest.raises(ValueError, match="share is 70"):
        share_interval(70, 100)
    with pytest.raises(ValueError, match="expected the same questions"):
        compare_paired([1, 0], [1])
    with pytest.raises(ValueError, match="difference is 0"):
        questions_needed(0)
    with pytest.raises(ValueError, match=r"difference is 0\.2"):
        questions_needed(0.2, disagreement=0.1)
