"""The linear layer's gradients: two matrix products and a sum."""

import numpy as np
from jaxtyping import Float


def linear_backward(
    d_out: Float[np.ndarray, "*batch O"], x: Float[np.ndarray, "*batch I"], weight: Float[np.ndarray, "O I"]
) -> tuple[Float[np.ndarray, "*batch I"], Float[np.ndarray, "O I"], Float[np.ndarray, " O"]]:
    d_rows = d_out.reshape(-1, d_out.shape[-1])  # (*batch, O) -> (N, O)
    rows = x.reshape(-1, x.shape[-1])  # (*batch, I) -> (N, I)
    return d_out @ weight, d_rows.T @ rows, d_rows.sum(axis=0)
