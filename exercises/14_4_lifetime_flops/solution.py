"""Solution of 14.4."""

import math


def lifetime_flops(
    n_params: float,
    loss: float,
    inference_tokens: float,
    law: tuple[float, float, float, float, float],
) -> float:
    """Solve the law for D, then add up training and use."""
    E, A, B, alpha, beta = law
    left = loss - E - A / n_params**alpha  # what the term of the data may still be
    if left <= 0:
        return math.inf
    tokens = (B / left) ** (1 / beta)
    return 6 * n_params * tokens + 2 * n_params * inference_tokens
