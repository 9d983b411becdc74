"""The minimiser behind `scaling_fit.py`: Huber's loss on log L, many descents at once.

With ``log L = logsumexp(a - alpha log N, b - beta log D, e)``, and A, B, E the exponentials of a, b, e, the
derivatives of log L by a, b and e are the three terms' shares of the loss. A step is Gauss and Newton's on
squares weighted so that they touch Huber's loss where it stands, damped as Levenberg and Marquardt do. All
starts, and all resamples of a bootstrap, are lanes of one batch.

References
----------
Hoffmann et al. 2022, arXiv 2203.15556, section 3.3 and appendix D.3 (the loss, the many starts); Marquardt
1963, "An algorithm for least-squares estimation of nonlinear parameters"; Holland & Welsch 1977, "Robust
regression using iteratively reweighted least-squares".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64

from .scaling import ScalingLaw

EXPONENTS = np.geomspace(0.05, 2.0, 8)
"""Alpha and beta of the starts."""

STEPS = 500
"""At most: a lane that stands still ends sooner."""

Lanes = Float64[np.ndarray, "lanes 5"]  # a, b, e, alpha, beta, in the units of `LogRuns`


@dataclass(frozen=True)
class LogRuns:
    """The runs in logarithms, N and D in units of their geometric means: so A and alpha hardly correlate."""

    x: Float64[np.ndarray, " R"]  # log N / n_unit
    y: Float64[np.ndarray, " R"]  # log D / d_unit
    target: Float64[np.ndarray, " R"]  # log loss
    n_unit: float
    d_unit: float
    delta: float
    E: float | None

    @classmethod
    def of(
        cls,
        n_params: Float[np.ndarray, " R"],
        tokens: Float[np.ndarray, " R"],
        losses: Float[np.ndarray, " R"],
        delta: float,
        E: float | None,
    ) -> LogRuns:
        """Check what a user gave, and take logarithms."""
        values = [np.asarray(given, dtype=np.float64) for given in (n_params, tokens, losses)]
        if any(v.ndim != 1 or len(v) != len(values[0]) for v in values):
            shapes = ", ".join(str(v.shape) for v in values)
            raise ValueError(f"n_params, tokens, losses have shapes {shapes}: expected one length for all")
        unknowns = 5 if E is None else 4
        if len(values[0]) < unknowns:
            raise ValueError(f"{len(values[0])} runs for {unknowns} constants: train more runs")
        for name, v in zip(("n_params", "tokens", "losses"), values, strict=True):
            if not (np.isfinite(v).all() and v.min() > 0):
                raise ValueError(f"{name} has values that are not finite and above 0: leave such runs out")
        if min(len(np.unique(v)) for v in values[:2]) < 2:
            raise ValueError("all runs have one N or one D: vary both, or the law cannot tell them apart")
        if not (delta > 0 and (E is None or E > 0)):
            raise ValueError(f"delta is {delta}, E is {E}: expected both above 0")
        x, y, target = (np.log(v) for v in values)
        units = float(np.exp(x.mean())), float(np.exp(y.mean()))
        return cls(x - x.mean(), y - y.mean(), target, *units, delta, E)

    def starts(self) -> Lanes:
        """Return one lane for each pair of exponents: the other constants then follow by least squares."""
        losses, lanes = np.exp(self.target), []
        for alpha in EXPONENTS:
            for beta in EXPONENTS:
                design = np.stack([np.exp(-alpha * self.x), np.exp(-beta * self.y), np.ones_like(self.x)], 1)
                known = 0.0 if self.E is None else self.E
                columns = design if self.E is None else design[:, :2]
                found = np.linalg.lstsq(columns, losses - known, rcond=None)[0]
                A, B, E = np.append(found, known)[:3]
                a, b, e = np.log(np.maximum([A, B, E], 1e-2 * losses.min()))
                lanes.append([a, b, e if self.E is None else np.log(self.E), alpha, beta])
        return np.array(lanes)

    def law(self, lane: Float64[np.ndarray, " 5"]) -> ScalingLaw:
        """Turn a lane back into constants in parameters and tokens."""
        a, b, e, alpha, beta = (float(value) for value in lane)
        A, B = np.exp(a + alpha * np.log(self.n_unit)), np.exp(b + beta * np.log(self.d_unit))
        return ScalingLaw(E=float(np.exp(e)), A=float(A), B=float(B), alpha=alpha, beta=beta)

    def residuals(
        self, lanes: Lanes
    ) -> tuple[Float64[np.ndarray, "lanes R"], Float64[np.ndarray, "lanes R 5"]]:
        """Return log L minus log loss, and its derivatives by the five constants."""
        a, b, e, alpha, beta = lanes.T[:, :, None]
        terms = np.stack([a - alpha * self.x, b - beta * self.y, e + 0 * self.x])  # (3, lanes, R)
        log_law = np.logaddexp.reduce(terms)
        of_n, of_d, of_e = np.exp(terms - log_law)  # each term's share of the loss
        slopes = np.stack([of_n, of_d, of_e, -self.x * of_n, -self.y * of_d], axis=-1)
        return log_law - self.target, slopes

    def objective(
        self, errors: Float64[np.ndarray, "lanes R"], weights: Float64[np.ndarray, "*lanes R"]
    ) -> Float64[np.ndarray, " lanes"]:
        """Return Huber's loss of the errors, summed over runs: a mean would end the descent too early."""
        size = np.abs(errors)
        huber = np.where(size <= self.delta, size**2 / 2, self.delta * (size - self.delta / 2))
        return np.sum(weights * huber, axis=-1)

    def descend(
        self, lanes: Lanes, weights: Float64[np.ndarray, "*lanes R"]
    ) -> tuple[Lanes, Float64[np.ndarray, " lanes"]]:
        """Minimise in every lane at once: weighted Gauss-Newton steps, damped where they do not help."""
        free = [0, 1, 2, 3, 4] if self.E is None else [0, 1, 3, 4]
        lanes, weights = lanes.copy(), np.broadcast_to(weights, (len(lanes), len(self.target)))
        damping, cost = np.full(len(lanes), 1e-2), self.objective(self.residuals(lanes)[0], weights)
        idle, going = np.zeros(len(lanes), dtype=int), np.arange(len(lanes))
        for _ in range(STEPS):
            errors, slopes = self.residuals(lanes[going])
            pull = weights[going] * np.minimum(1.0, self.delta / np.maximum(np.abs(errors), 1e-300))
            slopes = slopes[..., free]
            weighted = slopes * pull[..., None]
            curvature = weighted.mT @ slopes  # (lanes, free, free)
            ridge = np.einsum("lii->li", curvature) * damping[going, None] + 1e-12
            gradient = weighted.mT @ errors[..., None]
            step = np.linalg.solve(curvature + ridge[..., None] * np.eye(len(free)), gradient)[..., 0]
            tried = lanes[going]
            tried[:, free] -= step
            tried_cost = self.objective(self.residuals(tried)[0], weights[going])
            better = tried_cost < cost[going]
            gain = np.where(better, cost[going] - tried_cost, 0.0)
            idle[going] = np.where(gain > 1e-9 * cost[going], 0, idle[going] + 1)
            lanes[going[better]], cost[going[better]] = tried[better], tried_cost[better]
            damping[going] = np.clip(damping[going] * np.where(better, 0.2, 4.0), 1e-9, 1e9)
            going = going[idle[going] < 12]
            if not len(going):
                break
        return lanes, cost
