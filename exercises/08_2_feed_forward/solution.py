"""SwiGLU: the gate is bent, the other is not."""

import numpy as np
from jaxtyping import Float


def feed_forward(
    x: Float[np.ndarray, "*batch C"],
    w_gate: Float[np.ndarray, "F C"],
    w_up: Float[np.ndarray, "F C"],
    w_down: Float[np.ndarray, "C F"],
) -> Float[np.ndarray, "*batch C"]:
    gate = x @ w_gate.T  # (*batch, C) @ (C, F)
    hidden = gate / (1 + np.exp(-gate)) * (x @ w_up.T)
    return hidden @ w_down.T  # (*batch, F) @ (F, C)
