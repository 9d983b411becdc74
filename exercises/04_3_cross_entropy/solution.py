"""Cross-entropy: log-sum-exp minus the target's score; backward, probabilities minus one-hot."""

import numpy as np
from jaxtyping import Float, Integer


def cross_entropy(
    logits: Float[np.ndarray, "*batch V"], targets: Integer[np.ndarray, "*batch"], ignore_index: int
) -> tuple[float, Float[np.ndarray, "*batch V"]]:
    counts = targets != ignore_index
    z, t = logits[counts], targets[counts]  # (M, V), (M,): only what counts
    z = z - z.max(axis=-1, keepdims=True)  # the largest exponential becomes 1
    exponentials = np.exp(z)
    total = exponentials.sum(axis=-1, keepdims=True)
    hit = np.arange(len(t)), t
    loss = np.mean(np.log(total[:, 0]) - z[hit])
    d_z = exponentials / total
    d_z[hit] -= 1
    d_logits = np.zeros_like(logits)
    d_logits[counts] = d_z / len(t)
    return float(loss), d_logits
