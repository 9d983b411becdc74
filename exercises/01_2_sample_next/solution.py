"""Draw the next token: softmax, cumulative sum, and a count of the stretches that end before u."""

import numpy as np
from jaxtyping import Float, Int


def sample_next(
    logits: Float[np.ndarray, "B V"],
    temperature: float,
    u: Float[np.ndarray, " B"],
) -> Int[np.ndarray, " B"]:
    # Softmax stays the same when a number is added to all scores: with the largest at 0, exp cannot overflow.
    weights = np.exp((logits - logits.max(axis=-1, keepdims=True)) / temperature)  # (B, V)
    cumulative = np.cumsum(weights, axis=-1)  # (B, V), the last column is the total weight
    # Instead of dividing by the total, put u on the same scale. Then count the tokens that end before it.
    return (cumulative <= u[:, None] * cumulative[:, -1:]).sum(axis=-1)
