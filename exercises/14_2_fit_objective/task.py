"""What a fit minimises.

Exercise 14.2 · 14_scaling_laws · medium · 20 minutes

Five constants, some thirty runs. Chinchilla's fit compares logarithms of losses by Huber's function,
which is square for small errors and straight for large ones, so that one run gone wrong cannot take over.
"""

import numpy as np
from jaxtyping import Float


def fit_objective(
    theta: Float[np.ndarray, " 5"],
    n_params: Float[np.ndarray, " R"],
    tokens: Float[np.ndarray, " R"],
    losses: Float[np.ndarray, " R"],
    delta: float,
) -> float:
    r"""Return $\sum_i \text{Huber}_\delta(\log L(N_i, D_i) - \log L_i)$.

    $L(N, D) = e^{e} + e^{a} / N^{\alpha} + e^{b} / D^{\beta}$, and Huber's function of an error r is
    $r^2 / 2$ where $|r| \le \delta$, and $\delta\,(|r| - \delta / 2)$ beyond.

    Parameters
    ----------
    theta : float array of shape (5,)
        a, b, e, alpha, beta: the logarithms of A, B and E, and the two exponents.
    n_params, tokens, losses : float arrays of shape (R,)
        N, D and the measured loss of each run.
    delta : float
        Where the square turns straight.

    Returns
    -------
    float

    Examples
    --------
    >>> theta = np.array([0.0, 0.0, 0.0, 0.5, 0.5])  # L = 1 + 1/sqrt(N) + 1/sqrt(D)
    >>> runs = np.array([4.0, 4.0]), np.array([4.0, 4.0]), np.array([2.0, 2.0 * np.e])
    >>> fit_objective(theta, *runs, delta=0.5)  # errors 0 and -1: 0 + 0.5 * (1 - 0.25)
    0.375
    """
    raise NotImplementedError
