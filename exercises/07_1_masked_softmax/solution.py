"""A softmax over what may be seen, with nothing left to overflow."""

import numpy as np
from jaxtyping import Bool, Float


def masked_softmax(
    scores: Float[np.ndarray, "*batch S"], mask: Bool[np.ndarray, "*batch S"]
) -> Float[np.ndarray, "*batch S"]:
    seen = np.where(mask, scores, -np.inf)  # first forbid, then look for the largest
    largest = np.max(seen, axis=-1, keepdims=True)
    e = np.exp(seen - np.where(np.isfinite(largest), largest, 0.0))  # an empty row: exp(-inf) = 0
    return e / np.maximum(np.sum(e, axis=-1, keepdims=True), 1.0)  # the largest is e^0, so a sum is 1 or more
