"""From interleaved rows to half: in each head the even rows, then the odd ones."""

import numpy as np
from jaxtyping import Float


def permute_rows(weight: Float[np.ndarray, "N ..."], n_heads: int) -> Float[np.ndarray, "N ..."]:
    pairs = weight.reshape(n_heads, -1, 2, *weight.shape[1:])  # (N, ...) -> (heads, D/2, 2, ...)
    return pairs.swapaxes(1, 2).reshape(weight.shape)  # (heads, 2, D/2, ...) -> (N, ...)
