"""The target's logit first, then one pass for the sum, then one that turns logits into gradients."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float


def row_loss(
    load: Callable[[int, int], Float[np.ndarray, " n"]],
    store: Callable[[int, Float[np.ndarray, " n"]], None],
    V: int,
    target: int,
    width: int,
) -> float:
    wanted = load(target, target + 1)[0]  # the second pass writes over it
    top, total = -np.inf, 0.0
    for at in range(0, V, width):
        z = load(at, at + width)
        larger = max(top, z.max())
        base = max(larger, np.finfo(np.float32).min)  # if nothing so far can come: -inf - -inf is no number
        total = np.exp(top - base) * total + np.exp(z - base).sum()
        top = larger
    for at in range(0, V, width):
        gradient = np.exp(load(at, at + width) - top) / total
        if at <= target < at + width:
            gradient[target - at] -= 1
        store(at, gradient)
    return float(np.log(total) - (wanted - top))  # the maximum off both: two small numbers
