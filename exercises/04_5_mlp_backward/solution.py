"""Forwards again for what is needed, then the two layers in reverse order."""

import numpy as np
from jaxtyping import Float


def mlp_backward(
    d_out: Float[np.ndarray, "*batch O"],
    x: Float[np.ndarray, "*batch I"],
    w1: Float[np.ndarray, "F I"],
    b1: Float[np.ndarray, " F"],
    w2: Float[np.ndarray, "O F"],
) -> tuple[
    Float[np.ndarray, "*batch I"],
    Float[np.ndarray, "F I"],
    Float[np.ndarray, " F"],
    Float[np.ndarray, "O F"],
]:
    h = np.tanh(x @ w1.T + b1)  # (*batch, F)
    d_a = (d_out @ w2) * (1 - h * h)  # (*batch, F): through w2, then through the bend
    d_rows, rows = d_a.reshape(-1, len(b1)), x.reshape(-1, x.shape[-1])
    d_w2 = d_out.reshape(-1, len(w2)).T @ h.reshape(-1, len(b1))
    return d_a @ w1, d_rows.T @ rows, d_rows.sum(axis=0), d_w2
