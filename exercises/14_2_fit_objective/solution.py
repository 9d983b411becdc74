"""Solution of 14.2."""

import numpy as np
from jaxtyping import Float


def fit_objective(
    theta: Float[np.ndarray, " 5"],
    n_params: Float[np.ndarray, " R"],
    tokens: Float[np.ndarray, " R"],
    losses: Float[np.ndarray, " R"],
    delta: float,
) -> float:
    """Errors of the logarithm, each through Huber's function, summed."""
    a, b, e, alpha, beta = theta
    law = np.exp(e) + np.exp(a) / n_params**alpha + np.exp(b) / tokens**beta
    size = np.abs(np.log(law / losses))
    return float(np.sum(np.where(size <= delta, size**2 / 2, delta * (size - delta / 2))))
