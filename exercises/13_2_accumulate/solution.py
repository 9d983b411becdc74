"""Solution of 13.2."""

import numpy as np
from jaxtyping import Float, Int


def batch_gradient(
    sums: Float[np.ndarray, "K P"], counts: Int[np.ndarray, " K"], max_norm: float
) -> tuple[Float[np.ndarray, " P"], float]:
    """Add, divide by all targets, clip once."""
    gradient = sums.sum(axis=0) / counts.sum()  # (K, P) -> (P,)
    norm = float(np.linalg.norm(gradient))
    return gradient * min(1.0, max_norm / norm) if norm else gradient, norm
