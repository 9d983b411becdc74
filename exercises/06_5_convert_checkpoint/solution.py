"""Sort the rows of all queries and keys, weights and biases, by their own numbers of heads."""

import numpy as np
from jaxtyping import Float


def convert_checkpoint(
    weights: dict[str, Float[np.ndarray, "..."]], n_heads: int, n_kv_heads: int
) -> dict[str, Float[np.ndarray, "..."]]:
    heads_of = {"wq": n_heads, "wk": n_kv_heads}  # what is turned; values and wo are not
    converted = {}
    for name, array in weights.items():
        part = name.split(".")[-2]  # ... attention.wq.weight
        if part in heads_of:
            pairs = array.reshape(heads_of[part], -1, 2, *array.shape[1:])  # (heads, D/2, 2, ...)
            array = pairs.swapaxes(1, 2).reshape(array.shape)
        converted[name] = array
    return converted
