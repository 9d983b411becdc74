"""From shares to epochs and draws: two proportions."""

import numpy as np
from jaxtyping import Float, Int


def epochs(
    shares: Float[np.ndarray, " N"], sizes: Int[np.ndarray, " N"], budget: int
) -> Float[np.ndarray, " N"]:
    return shares / shares.sum() * budget / sizes


def draw_probabilities(
    shares: Float[np.ndarray, " N"], sizes: Int[np.ndarray, " N"], documents: Int[np.ndarray, " N"]
) -> Float[np.ndarray, " N"]:
    # A source of long documents fills its share with few draws.
    weights = shares * documents / sizes
    return weights / weights.sum()
