"""RMSNorm's gradient: project away what points along x, divide by the size of x."""

import numpy as np
from jaxtyping import Float


def rms_norm_backward(
    d_out: Float[np.ndarray, "*batch C"],
    x: Float[np.ndarray, "*batch C"],
    weight: Float[np.ndarray, " C"],
    eps: float,
) -> tuple[Float[np.ndarray, "*batch C"], Float[np.ndarray, " C"]]:
    rms = np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + eps)  # (*batch, 1)
    x_hat = x / rms
    d_x_hat = d_out * weight
    along = np.mean(d_x_hat * x_hat, axis=-1, keepdims=True)  # how much of it points along x
    d_x = (d_x_hat - x_hat * along) / rms
    d_weight = (d_out * x_hat).reshape(-1, len(weight)).sum(axis=0)  # (*batch, C) -> (C,)
    return d_x, d_weight
