"""A whole block in NumPy: the layers, then the wiring, each with its way back."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float


def rows(x: Float[np.ndarray, "... N"]) -> Float[np.ndarray, "M N"]:
    """Put all vectors of a batch below one another."""
    return x.reshape(-1, x.shape[-1])


def feed_forward(x: Float[np.ndarray, "B T C"], w: Mapping[str, np.ndarray]) -> Float[np.ndarray, "B T C"]:
    gate, up = x @ w["w_gate"].T, x @ w["w_up"].T  # (B, T, C) -> (B, T, F)
    return (gate / (1 + np.exp(-gate)) * up) @ w["w_down"].T


def feed_forward_backward(
    d_out: Float[np.ndarray, "B T C"], x: Float[np.ndarray, "B T C"], w: Mapping[str, np.ndarray]
) -> tuple[Float[np.ndarray, "B T C"], dict[str, np.ndarray]]:
    gate, up = x @ w["w_gate"].T, x @ w["w_up"].T
    sigmoid = 1 / (1 + np.exp(-gate))
    silu = gate * sigmoid
    d_hidden = d_out @ w["w_down"]  # (B, T, C) -> (B, T, F)
    d_gate = d_hidden * up * (sigmoid + silu * (1 - sigmoid))  # silu' by the product rule
    d_up = d_hidden * silu
    grads = {
        "w_gate": rows(d_gate).T @ rows(x),
        "w_up": rows(d_up).T @ rows(x),
        "w_down": rows(d_out).T @ rows(silu * up),
    }
    return d_gate @ w["w_gate"] + d_up @ w["w_up"], grads  # x went two ways


def heads(flat: Float[np.ndarray, "B T ND"], D: int) -> Float[np.ndarray, "B N T D"]:
    """Cut the last axis into heads of width D."""
    return flat.reshape(*flat.shape[:2], -1, D).transpose(0, 2, 1, 3)


def join(x: Float[np.ndarray, "B N T D"]) -> Float[np.ndarray, "B T ND"]:
    """Undo `heads`."""
    return x.transpose(0, 2, 1, 3).reshape(x.shape[0], x.shape[2], -1)


def turn(
    x: Float[np.ndarray, "B N T D"], cos: Float[np.ndarray, "T D2"], sin: Float[np.ndarray, "T D2"]
) -> Float[np.ndarray, "B N T D"]:
    """Rotate each pair (i, i + D/2) by its position's angle."""
    a, b = np.split(x, 2, axis=-1)
    return np.concatenate([a * cos - b * sin, b * cos + a * sin], axis=-1)


def attend(
    x: Float[np.ndarray, "B T C"],
    w: Mapping[str, np.ndarray],
    cos: Float[np.ndarray, "T D2"],
    sin: Float[np.ndarray, "T D2"],
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return queries (B, K, G, T, D), keys and values (B, K, 1, T, D), and the attention weights."""
    D = 2 * cos.shape[-1]
    q, k, v = (heads(x @ w[name].T, D) for name in ("wq", "wk", "wv"))
    q, k = turn(q, cos, sin), turn(k, cos, sin)
    q = q.reshape(len(q), k.shape[1], -1, *q.shape[2:])  # (B, H, T, D) -> (B, K, G, T, D)
    k, v = k[:, :, None], v[:, :, None]  # one head for all G of its group
    scores = q @ k.swapaxes(-1, -2) / np.sqrt(D)  # (B, K, G, T, T)
    scores = np.where(np.tri(x.shape[1], dtype=bool), scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return q, k, v, weights / weights.sum(axis=-1, keepdims=True)


def attention_layer(
    x: Float[np.ndarray, "B T C"],
    w: Mapping[str, np.ndarray],
    cos: Float[np.ndarray, "T D2"],
    sin: Float[np.ndarray, "T D2"],
) -> Float[np.ndarray, "B T C"]:
    *_, v, weights = attend(x, w, cos, sin)
    mixed = weights @ v  # (B, K, G, T, D)
    return join(mixed.reshape(len(x), -1, *mixed.shape[3:])) @ w["wo"].T


def attention_layer_backward(
    d_out: Float[np.ndarray, "B T C"],
    x: Float[np.ndarray, "B T C"],
    w: Mapping[str, np.ndarray],
    cos: Float[np.ndarray, "T D2"],
    sin: Float[np.ndarray, "T D2"],
) -> tuple[Float[np.ndarray, "B T C"], dict[str, np.ndarray]]:
    q, k, v, weights = attend(x, w, cos, sin)
    mixed = weights @ v
    flat = join(mixed.reshape(len(x), -1, *mixed.shape[3:]))
    d_mixed = heads(d_out @ w["wo"], q.shape[-1]).reshape(q.shape)
    d_weights = d_mixed @ v.swapaxes(-1, -2)
    d_scores = weights * (d_weights - (d_weights * weights).sum(axis=-1, keepdims=True))
    d_scores = d_scores / np.sqrt(q.shape[-1])
    d_q = (d_scores @ k).reshape(len(x), -1, *q.shape[3:])
    d_k = (d_scores.swapaxes(-1, -2) @ q).sum(axis=2)  # a key served G queries: a sum over them
    d_v = (weights.swapaxes(-1, -2) @ d_mixed).sum(axis=2)
    d_flat = {
        "wq": join(turn(d_q, cos, -sin)),
        "wk": join(turn(d_k, cos, -sin)),
        "wv": join(d_v),
    }  # turned back
    grads = {name: rows(d).T @ rows(x) for name, d in d_flat.items()}
    grads["wo"] = rows(d_out).T @ rows(flat)
    return d_flat["wq"] @ w["wq"] + d_flat["wk"] @ w["wk"] + d_flat["wv"] @ w["wv"], grads


def rms_norm(
    x: Float[np.ndarray, "B T C"], weight: Float[np.ndarray, " C"], eps: float
) -> Float[np.ndarray, "B T C"]:
    """Divide by the root mean square, scale the channels."""
    return x / np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + eps) * weight


def rms_norm_backward(
    d_out: Float[np.ndarray, "B T C"],
    x: Float[np.ndarray, "B T C"],
    weight: Float[np.ndarray, " C"],
    eps: float,
) -> tuple[Float[np.ndarray, "B T C"], Float[np.ndarray, " C"]]:
    """Return the gradients of x and weight."""
    rms = np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + eps)
    x_hat, d_x_hat = x / rms, d_out * weight
    d_x = (d_x_hat - x_hat * np.mean(d_x_hat * x_hat, axis=-1, keepdims=True)) / rms
    return d_x, rows(d_out * x_hat).sum(axis=0)


def block(
    x: Float[np.ndarray, "B T C"],
    w: Mapping[str, np.ndarray],
    cos: Float[np.ndarray, "T D2"],
    sin: Float[np.ndarray, "T D2"],
    eps: float,
) -> Float[np.ndarray, "B T C"]:
    h = x + attention_layer(rms_norm(x, w["attention_norm"], eps), w, cos, sin)
    return h + feed_forward(rms_norm(h, w["ffn_norm"], eps), w)


def block_backward(
    d_out: Float[np.ndarray, "B T C"],
    x: Float[np.ndarray, "B T C"],
    w: Mapping[str, np.ndarray],
    cos: Float[np.ndarray, "T D2"],
    sin: Float[np.ndarray, "T D2"],
    eps: float,
) -> tuple[Float[np.ndarray, "B T C"], dict[str, np.ndarray]]:
    normed_x = rms_norm(x, w["attention_norm"], eps)
    h = x + attention_layer(normed_x, w, cos, sin)
    d_normed, grads = feed_forward_backward(d_out, rms_norm(h, w["ffn_norm"], eps), w)
    d_branch, grads["ffn_norm"] = rms_norm_backward(d_normed, h, w["ffn_norm"], eps)
    d_h = d_out + d_branch
    d_normed, attention_grads = attention_layer_backward(d_h, normed_x, w, cos, sin)
    d_branch, grads["attention_norm"] = rms_norm_backward(d_normed, x, w["attention_norm"], eps)
    return d_h + d_branch, grads | attention_grads
