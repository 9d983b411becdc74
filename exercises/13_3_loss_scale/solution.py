"""Solution of 13.3."""

import numpy as np
from jaxtyping import Float


def unscale(
    gradient: Float[np.ndarray, " P"], scale: float, good_steps: int, interval: int
) -> tuple[Float[np.ndarray, " P"] | None, float, int]:
    """Halve on overflow, double after `interval` good steps."""
    if not np.isfinite(gradient).all():
        return None, scale / 2, 0
    unscaled = gradient.astype(np.float32) / np.float32(scale)
    if good_steps + 1 == interval:
        return unscaled, scale * 2, 0
    return unscaled, scale, good_steps + 1
