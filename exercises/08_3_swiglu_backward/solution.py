"""SwiGLU's gradient: each factor gets the other one."""

import numpy as np
from jaxtyping import Float


def swiglu_backward(
    d_out: Float[np.ndarray, "*shape"], gate: Float[np.ndarray, "*shape"], up: Float[np.ndarray, "*shape"]
) -> tuple[Float[np.ndarray, "*shape"], Float[np.ndarray, "*shape"]]:
    s = 1 / (1 + np.exp(-gate))
    slope = s + gate * s * (1 - s)  # of g sigmoid(g): the product rule, and sigmoid' = s (1 - s)
    return d_out * up * slope, d_out * gate * s
