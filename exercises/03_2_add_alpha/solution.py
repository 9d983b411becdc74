"""Add to every count, then divide each row by what it now sums to."""

import numpy as np
from jaxtyping import Float, Int


def add_alpha(counts: Int[np.ndarray, "C V"], alpha: float) -> Float[np.ndarray, "C V"]:
    total = counts.sum(axis=1, keepdims=True)  # (C, 1)
    return (counts + alpha) / (total + alpha * counts.shape[1])
