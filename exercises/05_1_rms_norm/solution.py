"""RMSNorm: the mean square in float32 at least, the result in the input's dtype."""

import numpy as np
from jaxtyping import Float


def rms_norm(
    x: Float[np.ndarray, "*batch C"], weight: Float[np.ndarray, " C"], eps: float
) -> Float[np.ndarray, "*batch C"]:
    wide = x.astype(np.promote_types(x.dtype, np.float32))  # float16 becomes float32, float64 stays
    rms = np.sqrt(np.mean(wide**2, axis=-1, keepdims=True) + eps)  # (*batch, 1)
    return (wide / rms).astype(x.dtype) * weight
