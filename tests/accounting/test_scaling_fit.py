"""The fit recovers what it was given, agrees with scipy's minimiser, and its intervals cover."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import huber, logsumexp

from minillama.accounting import BESIROGLU, ScalingLaw
from minillama.accounting.scaling_descent import LogRuns
from minillama.accounting.scaling_fit import bootstrap, fit_scaling_law, interval, isoflop_vertex, power_law
from minillama.reference import numerical_gradient, relative_error

SMALL = ScalingLaw(E=0.24, A=60.0, B=2000.0, alpha=0.5, beta=0.6)  # of the kind that small models give


def surface(law: ScalingLaw, n_params: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    return law.E + law.A / n_params**law.alpha + law.B / tokens**law.beta


def grid(sizes: int, budgets: int, law: ScalingLaw = BESIROGLU) -> tuple[np.ndarray, np.ndarray]:
    """N and D of an IsoFLOP design around the optimum, flattened."""
    flops = np.geomspace(1e18, 1e21, budgets) if law is BESIROGLU else np.geomspace(1e11, 3e12, budgets)
    best = np.array([law.optimum(c).n_params for c in flops])[:, None]
    n_params = best * np.geomspace(0.3, 3, sizes)
    return n_params.ravel(), (flops[:, None] / 6 / n_params).ravel()


def noisy(law: ScalingLaw, n_params: np.ndarray, tokens: np.ndarray, noise: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return surface(law, n_params, tokens) * np.exp(noise * rng.normal(size=len(n_params)))


def scipy_objective(theta: np.ndarray, n_params, tokens, losses, delta: float) -> float:
    """Hoffmann's objective as the paper writes it, from scipy's own parts."""
    a, b, e, alpha, beta = theta
    terms = [a - alpha * np.log(n_params), b - beta * np.log(tokens), np.full_like(n_params, e)]
    return float(huber(delta, logsumexp(terms, axis=0) - np.log(losses)).sum())


def theta_of(law: ScalingLaw) -> np.ndarray:
    return np.array([np.log(law.A), np.log(law.B), np.log(law.E), law.alpha, law.beta])


class TestFit:
    @pytest.mark.parametrize("law", [BESIROGLU, SMALL], ids=["large", "small"])
    @pytest.mark.parametrize("known", [False, True], ids=["E fitted", "E known"])
    def test_exact_runs_give_the_constants_back(self, law: ScalingLaw, known: bool) -> None:
        N, D = grid(5, 4, law)
        found = fit_scaling_law(N, D, surface(law, N, D), E=law.E if known else None)
        np.testing.assert_allclose(
            theta_of(found), theta_of(law), rtol=1e-4
        )  # the valley of A and alpha is flat

    @pytest.mark.parametrize("delta", [1e-3, 0.03])
    @pytest.mark.parametrize("seed", range(3))
    def test_scipy_finds_nothing_lower(self, delta: float, seed: int) -> None:
        N, D = grid(5, 3, SMALL)
        losses = noisy(SMALL, N, D, 0.02, seed)
        found = theta_of(fit_scaling_law(N, D, losses, delta=delta))
        ours = scipy_objective(found, N, D, losses, delta)
        args = N, D, losses, delta
        starts = found, theta_of(SMALL), found * [1.1, 0.9, 1.2, 1.05, 0.95]
        theirs = min(
            minimize(
                scipy_objective, start, args, "Nelder-Mead", options={"maxiter": 4000, "xatol": 1e-9}
            ).fun
            for start in starts
        )
        assert ours <= theirs * (1 + 1e-4)

    def test_one_wild_run_moves_little(self) -> None:
        N, D = grid(5, 4, SMALL)
        losses = noisy(SMALL, N, D, 0.002, seed=1)
        clean = fit_scaling_law(N, D, losses)
        losses[7] *= 1.5
        assert abs(fit_scaling_law(N, D, losses).E - clean.E) < 0.02
        squares = fit_scaling_law(N, D, losses, delta=1e3)  # never straight: least squares
        assert abs(squares.E - clean.E) > 0.05

    def test_the_order_and_the_units_do_not_matter(self) -> None:
        N, D = grid(5, 4, SMALL)
        losses = noisy(SMALL, N, D, 0.01, seed=2)
        law, order = fit_scaling_law(N, D, losses), np.random.default_rng(0).permutation(len(N))
        np.testing.assert_allclose(
            theta_of(fit_scaling_law(N[order], D[order], losses[order])), theta_of(law), rtol=1e-5
        )
        thousands = fit_scaling_law(N / 1e3, D, losses)
        assert thousands.A * 1e3**thousands.alpha == pytest.approx(law.A, rel=1e-4)

    @pytest.mark.parametrize("known", [None, 0.2])
    def test_slopes_are_those_of_the_errors(self, known: float | None) -> None:
        N, D = grid(3, 3, SMALL)
        runs = LogRuns.of(N, D, noisy(SMALL, N, D, 0.05, seed=3), 0.02, known)
        lane = runs.starts()[20] + np.array([0.1, -0.2, 0.3, 0.05, -0.05])
        slopes = runs.residuals(lane[None])[1][0]  # (R, 5)
        for run in range(len(N)):
            numeric = numerical_gradient(lambda z, run=run: runs.residuals(z[None])[0][0, run], lane)
            assert relative_error(slopes[run], numeric) < 1e-8

    def test_a_known_floor_is_kept(self) -> None:
        N, D = grid(4, 3, SMALL)
        law = fit_scaling_law(N, D, noisy(SMALL, N, D, 0.01, 4), E=0.24)
        assert pytest.approx(0.24, rel=1e-12) == law.E


class TestBootstrap:
    @pytest.mark.slow
    def test_nine_intervals_of_ten_cover(self) -> None:
        # 40 worlds, intervals of 90 %: fewer than 30 hits have a chance below 0.3 % by the binomial, if the
        # intervals are right. The percentile bootstrap of 30 runs is known to be a little too narrow.
        N, D = grid(6, 5, SMALL)
        target = SMALL.loss(1e6, 1e7)
        hits = {"E": 0, "loss": 0}
        for world in range(40):
            losses = noisy(SMALL, N, D, 0.01, seed=100 + world)
            laws = bootstrap(N, D, losses, n_samples=100, seed=world, delta=0.02)
            low, high = interval(laws, lambda law: law.E, level=0.9)
            hits["E"] += low <= SMALL.E <= high
            low, high = interval(laws, lambda law: law.loss(1e6, 1e7), level=0.9)
            hits["loss"] += low <= target <= high
        assert min(hits.values()) >= 30, hits

    def test_more_runs_narrow_the_interval(self) -> None:
        widths = []
        for repeats in (1, 9):
            N, D = (np.tile(values, repeats) for values in grid(5, 4, SMALL))
            laws = bootstrap(N, D, noisy(SMALL, N, D, 0.01, seed=5), n_samples=60, delta=0.02)
            low, high = interval(laws, lambda law: law.beta)
            widths.append(high - low)
        assert widths[1] < widths[0] / 2  # a third is expected

    def test_seeds_decide(self) -> None:
        N, D = grid(5, 3, SMALL)
        losses = noisy(SMALL, N, D, 0.01, seed=6)
        one, same, other = (bootstrap(N, D, losses, n_samples=3, seed=s) for s in (1, 1, 2))
        assert one == same
        assert one != other

    def test_a_resample_is_the_fit_of_those_runs(self) -> None:
        N, D = grid(5, 3, SMALL)
        losses, R = noisy(SMALL, N, D, 0.01, seed=7), 15
        counts = np.random.default_rng(3).multinomial(R, np.full(R, 1 / R), size=4)
        for law, count in zip(bootstrap(N, D, losses, 4, seed=3), counts, strict=True):
            again = fit_scaling_law(*(np.repeat(values, count) for values in (N, D, losses)))
            objective = [
                scipy_objective(
                    theta_of(each), *(np.repeat(values, count) for values in (N, D, losses)), 1e-3
                )
                for each in (law, again)
            ]
            assert objective[0] == pytest.approx(objective[1], rel=0.02)  # from 3 starts, not from 64


class TestIsoFlop:
    def test_the_vertex_of_a_narrow_range_is_the_optimum(self) -> None:
        for flops in (1e19, 1e21):
            best = BESIROGLU.optimum(flops)
            N = best.n_params * np.geomspace(0.8, 1.25, 5)
            found = isoflop_vertex(N, surface(BESIROGLU, N, flops / 6 / N), flops)
            assert found.n_params == pytest.approx(best.n_params, rel=2e-3)  # of third order in the range
            assert found.flops == pytest.approx(flops)

    def test_vertices_lie_on_the_power_law(self) -> None:
        flops = np.geomspace(1e18, 1e21, 4)
        N, D = grid(5, 4)
        losses = surface(BESIROGLU, N, D).reshape(4, 5)
        sizes = np.array(
            [
                isoflop_vertex(n, loss, c).n_params
                for n, loss, c in zip(N.reshape(4, 5), losses, flops, strict=True)
            ]
        )
        assert power_law(flops, sizes)[1] == pytest.approx(BESIROGLU.n_exponent, abs=0.005)


@pytest.mark.error_contract
class TestWhatCannotBe:
    good = grid(5, 3, SMALL)

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (lambda N, D, L: (N[:4], D[:4], L[:4]), "4 runs for 5 constants"),
            (lambda N, D, L: (N, D, L[:-1]), r"shapes \(15,\), \(15,\), \(14,\)"),
            (lambda N, D, L: (N, D, np.append(L[:-1], np.nan)), "losses has values"),
            (lambda N, D, L: (-N, D, L), "n_params has values"),
            (lambda N, D, L: (N, np.full_like(D, 1e6), L), "one N or one D"),
        ],
    )
    def test_runs(self, change, words: str) -> None:
        N, D = self.good
        with pytest.raises(ValueError, match=words):
            fit_scaling_law(*change(N, D, surface(SMALL, N, D)))

    def test_settings(self) -> None:
        N, D = self.good
        losses = surface(SMALL, N, D)
        with pytest.raises(ValueError, match="delta is 0"):
            fit_scaling_law(N, D, losses, delta=0)
        with pytest.raises(ValueError, match="E is -1"):
            fit_scaling_law(N, D, losses, E=-1.0)
        with pytest.raises(ValueError, match="n_samples is 1"):
            bootstrap(N, D, losses, n_samples=1)
        with pytest.raises(ValueError, match="level 1"):
            interval([SMALL], lambda law: law.E, level=1.0)

    def test_parabolas_and_lines(self) -> None:
        N = np.array([1e6, 1e7, 1e8])
        with pytest.raises(ValueError, match="2 sizes"):
            isoflop_vertex(N[:2], N[:2], 1e15)
        with pytest.raises(ValueError, match="opens downwards"):
            isoflop_vertex(N, np.array([3.0, 3.2, 3.0]), 1e15)
        with pytest.raises(ValueError, match="two different x"):
            power_law(N[:1], N[:1])
