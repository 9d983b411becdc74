"""The table of angles: positions times frequencies, then cosine and sine."""

import numpy as np
from jaxtyping import Float


def frequencies(head_dim: int, theta: float) -> Float[np.ndarray, " D2"]:
    return theta ** (-np.arange(0, head_dim, 2) / head_dim)  # arange counts 2j


def rope_table(
    head_dim: int, theta: float, start: int, end: int
) -> tuple[Float[np.ndarray, "T D2"], Float[np.ndarray, "T D2"]]:
    angles = np.outer(np.arange(start, end), frequencies(head_dim, theta))  # (T, D/2), radians
    return np.cos(angles), np.sin(angles)
