"""The embedding's gradient: each row is the sum over the places where its token stood."""

import numpy as np
from jaxtyping import Float, Integer


def embedding_backward(
    d_out: Float[np.ndarray, "*batch C"], tokens: Integer[np.ndarray, "*batch"], vocab_size: int
) -> Float[np.ndarray, "V C"]:
    d_table = np.zeros((vocab_size, d_out.shape[-1]))
    np.add.at(d_table, tokens, d_out)  # d_table[tokens] += d_out would keep only one of several equal tokens
    return d_table
