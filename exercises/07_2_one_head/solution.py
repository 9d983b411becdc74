"""Causal attention of the last T of S positions."""

import numpy as np
from jaxtyping import Float


def one_head(
    q: Float[np.ndarray, "T D"], k: Float[np.ndarray, "S D"], v: Float[np.ndarray, "S E"]
) -> Float[np.ndarray, "T E"]:
    (T, D), S = q.shape, len(k)
    scores = q @ k.T / np.sqrt(D)  # (T, S)
    position = np.arange(S - T, S)[:, None]  # where each query stands
    scores = np.where(np.arange(S) <= position, scores, -np.inf)
    weights = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
    return weights / np.sum(weights, axis=-1, keepdims=True) @ v
