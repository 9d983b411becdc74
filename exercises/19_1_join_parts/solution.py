"""A softmax over the parts, its maximum taken off first; where no key was, nothing is read."""

import numpy as np
from jaxtyping import Float


def join_parts(
    outs: Float[np.ndarray, "P H D"], log_sums: Float[np.ndarray, "P H"]
) -> tuple[Float[np.ndarray, "H D"], Float[np.ndarray, " H"]]:
    largest = log_sums.max(axis=0)  # (H,)
    weights = np.exp(log_sums - largest)  # (P, H), 0 for a part without keys
    total = weights.sum(axis=0)
    found = np.where(weights[..., None] > 0, outs, 0.0)  # 0 times NaN would be NaN
    out = (weights[..., None] * found).sum(axis=0) / total[:, None]
    return out, largest + np.log(total)
