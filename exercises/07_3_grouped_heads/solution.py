"""Grouped values, joined heads, one projection."""

import numpy as np
from jaxtyping import Float


def mix_heads(
    weights: Float[np.ndarray, "B H T S"], v: Float[np.ndarray, "B K S D"], wo: Float[np.ndarray, "C HD"]
) -> Float[np.ndarray, "B T C"]:
    (B, H, T, _), K = weights.shape, v.shape[1]
    shared = np.repeat(v, H // K, axis=1)  # (B, K, S, D) -> (B, H, S, D): 0 0 1 1
    mixed = weights @ shared  # (B, H, T, D)
    joined = mixed.transpose(0, 2, 1, 3).reshape(B, T, -1)  # (B, H, T, D) -> (B, T, H, D) -> (B, T, H D)
    return joined @ wo.T
