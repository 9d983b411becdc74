"""Fold a norm's weight into the rows of the matrices behind it."""

import numpy as np
from jaxtyping import Float


def fold(
    weight: Float[np.ndarray, " C"], matrices: list[Float[np.ndarray, "C _"]]
) -> tuple[Float[np.ndarray, " C"], list[Float[np.ndarray, "C _"]]]:
    return np.ones_like(weight), [weight[:, None] * matrix for matrix in matrices]  # (C, 1) * (C, F)
