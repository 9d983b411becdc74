"""RoPE in the interleaved layout, forward and backward."""

import numpy as np
from jaxtyping import Float


def rope_interleaved(
    x: Float[np.ndarray, "*heads T D"], cos: Float[np.ndarray, "T D2"], sin: Float[np.ndarray, "T D2"]
) -> Float[np.ndarray, "*heads T D"]:
    a, b = x[..., 0::2], x[..., 1::2]  # (*heads, T, D/2) each
    return np.stack([a * cos - b * sin, a * sin + b * cos], axis=-1).reshape(x.shape)


def rope_interleaved_backward(
    d_out: Float[np.ndarray, "*heads T D"], cos: Float[np.ndarray, "T D2"], sin: Float[np.ndarray, "T D2"]
) -> Float[np.ndarray, "*heads T D"]:
    return rope_interleaved(d_out, cos, -sin)  # the transpose of a rotation is the rotation back
