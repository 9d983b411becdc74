"""Clipping by the norm of all gradients together."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float


def clip_gradients(
    grads: Mapping[str, Float[np.ndarray, "..."]], max_norm: float
) -> tuple[dict[str, Float[np.ndarray, "..."]], float]:
    norm = float(np.sqrt(sum(np.sum(g**2) for g in grads.values())))
    factor = max_norm / max(norm, max_norm)  # 1 for what is short enough
    return {name: factor * g for name, g in grads.items()}, norm
