"""AdamW: momentum over the root of the mean square, both corrected for their start; decay apart."""

import numpy as np
from jaxtyping import Float


def adamw_step(
    w: Float[np.ndarray, "*shape"],
    g: Float[np.ndarray, "*shape"],
    m: Float[np.ndarray, "*shape"],
    v: Float[np.ndarray, "*shape"],
    step: int,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
) -> tuple[Float[np.ndarray, "*shape"], Float[np.ndarray, "*shape"], Float[np.ndarray, "*shape"]]:
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**step)  # the means began at zero: undo what that took off
    v_hat = v / (1 - beta2**step)
    return w - lr * weight_decay * w - lr * m_hat / (np.sqrt(v_hat) + eps), m, v
