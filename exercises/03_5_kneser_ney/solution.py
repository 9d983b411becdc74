"""Tax every count, hand what was paid to the continuation distribution."""

import numpy as np
from jaxtyping import Float, Int


def kneser_ney(counts: Int[np.ndarray, "V V"], discount: float) -> Float[np.ndarray, "V V"]:
    met = counts > 0
    lower = met.sum(axis=0) / met.sum()  # (V,): contexts of each token, as a share
    total = counts.sum(axis=1, keepdims=True)  # (V, 1)
    types = met.sum(axis=1, keepdims=True)
    kept = np.maximum(counts - discount, 0)
    taxed = (kept + discount * types * lower) / np.maximum(total, 1)
    return np.where(total > 0, taxed, lower)
