"""A running maximum makes the band; "not inside" rather than "outside" catches NaN."""

import numpy as np
from jaxtyping import Float


def first_parting(
    curve: Float[np.ndarray, " S"],
    exact: Float[np.ndarray, " S"],
    twins: Float[np.ndarray, "K S"],
    factor: float,
) -> int | None:
    farthest = np.maximum.accumulate(np.abs(twins - exact).max(axis=0))  # (S,), so far
    band = np.maximum(factor * farthest, np.spacing(exact.astype(np.float32)))
    inside = np.abs(curve - exact) <= band  # a comparison with NaN is False
    return None if inside.all() else int(np.argmin(inside)) + 1
