"""One position of attention: rotate by the length of the cache, append, attend to everything."""

import numpy as np
from jaxtyping import Float


def rotate(x: Float[np.ndarray, "N D"], position: int, theta: float) -> Float[np.ndarray, "N D"]:
    """Turn every head by the angles of one position."""
    a, b = np.split(x, 2, axis=-1)  # pair i is (i, i + D/2)
    half = a.shape[-1]
    angles = position * theta ** (-np.arange(half) / half)  # (D/2,), radians
    cos, sin = np.cos(angles), np.sin(angles)
    return np.concatenate([a * cos - b * sin, b * cos + a * sin], axis=-1)


def decode_step(
    q: Float[np.ndarray, "H D"],
    k: Float[np.ndarray, "K D"],
    v: Float[np.ndarray, "K D"],
    k_cache: Float[np.ndarray, "K S D"],
    v_cache: Float[np.ndarray, "K S D"],
    theta: float,
) -> tuple[Float[np.ndarray, "H D"], Float[np.ndarray, "K S1 D"], Float[np.ndarray, "K S1 D"]]:
    K, S, D = k_cache.shape
    q, k = rotate(q, S, theta), rotate(k, S, theta)
    k_cache = np.concatenate([k_cache, k[:, None]], axis=1)  # (K, S + 1, D)
    v_cache = np.concatenate([v_cache, v[:, None]], axis=1)
    groups = q.reshape(K, -1, D)  # (H, D) -> (K, H/K, D): neighbours share
    scores = groups @ k_cache.transpose(0, 2, 1) / np.sqrt(D)  # (K, H/K, S + 1); no mask: all are past
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    return (weights @ v_cache).reshape(q.shape), k_cache, v_cache
