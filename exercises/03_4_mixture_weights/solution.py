"""Share the credit for each token, average it, repeat."""

import numpy as np
from jaxtyping import Float


def mixture_weights(q: Float[np.ndarray, "N M"], rounds: int) -> Float[np.ndarray, " M"]:
    weights = np.full(q.shape[1], 1 / q.shape[1])
    for _ in range(rounds):
        parts = weights * q  # (N, M): what each model adds to the mixture
        credit = parts / parts.sum(axis=1, keepdims=True)
        weights = credit.mean(axis=0)
    return weights
