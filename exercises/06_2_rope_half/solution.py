"""RoPE in the half layout."""

import numpy as np
from jaxtyping import Float


def rope_half(
    x: Float[np.ndarray, "*heads T D"], cos: Float[np.ndarray, "T D2"], sin: Float[np.ndarray, "T D2"]
) -> Float[np.ndarray, "*heads T D"]:
    a, b = np.split(x, 2, axis=-1)  # (*heads, T, D/2) each; cos and sin are stretched over the heads
    return np.concatenate([a * cos - b * sin, a * sin + b * cos], axis=-1)
