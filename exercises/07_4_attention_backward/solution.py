"""Attention in reverse: a product, a softmax, a product, and sums over the groups."""

import numpy as np
from jaxtyping import Float


def attention_backward(
    d_out: Float[np.ndarray, "H T D"],
    q: Float[np.ndarray, "H T D"],
    k: Float[np.ndarray, "K T D"],
    v: Float[np.ndarray, "K T D"],
) -> tuple[Float[np.ndarray, "H T D"], Float[np.ndarray, "K T D"], Float[np.ndarray, "K T D"]]:
    (H, T, D), K = q.shape, len(k)
    k_h, v_h = (np.repeat(a, H // K, axis=0) for a in (k, v))  # (H, T, D)
    scores = q @ k_h.swapaxes(1, 2) / np.sqrt(D)
    scores = np.where(np.tri(T, dtype=bool), scores, -np.inf)
    weights = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
    weights = weights / np.sum(weights, axis=-1, keepdims=True)

    d_weights = d_out @ v_h.swapaxes(1, 2)  # (H, T, T)
    average = np.sum(d_weights * weights, axis=-1, keepdims=True)
    d_scores = weights * (d_weights - average) / np.sqrt(D)
    d_k, d_v = d_scores.swapaxes(1, 2) @ q, weights.swapaxes(1, 2) @ d_out  # (H, T, D)
    groups = (K, H // K, T, D)  # one head of keys and values served H / K query heads
    return d_scores @ k_h, np.sum(d_k.reshape(groups), axis=1), np.sum(d_v.reshape(groups), axis=1)
