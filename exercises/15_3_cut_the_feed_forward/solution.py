"""A SwiGLU layer in n parts: gate and up by columns, down by rows."""

import numpy as np
from jaxtyping import Float


def feed_forward_parts(
    x: Float[np.ndarray, "T C"],
    w_gate: Float[np.ndarray, "C F"],
    w_up: Float[np.ndarray, "C F"],
    w_down: Float[np.ndarray, "F C"],
    n: int,
) -> list[Float[np.ndarray, "T C"]]:
    """Return what each of the n processes computes, before anything is added up."""
    if w_gate.shape[1] % n:
        raise ValueError(f"{w_gate.shape[1]} hidden channels cannot be shared by {n} processes evenly")
    width = w_gate.shape[1] // n
    parts = []
    for r in range(n):
        mine = slice(r * width, (r + 1) * width)  # the hidden channels of process r
        gate, up = x @ w_gate[:, mine], x @ w_up[:, mine]  # (T, F / n)
        parts.append((gate / (1 + np.exp(-gate)) * up) @ w_down[mine])
    return parts
