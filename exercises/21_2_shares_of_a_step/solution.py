"""The median without the warm-up; the longer of two times for each operation, then the sum."""

import numpy as np
from jaxtyping import Float


def shares(
    seconds: Float[np.ndarray, " R"],
    model_flops: float,
    flops: Float[np.ndarray, " N"],
    moved: Float[np.ndarray, " N"],
    peak: float,
    bandwidth: float,
) -> tuple[float, float, float]:
    took = float(np.median(seconds[1:]))
    least = float(np.maximum(flops / peak, moved / bandwidth).sum())
    return model_flops / (took * peak), least, least / took
