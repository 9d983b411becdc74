"""A pre-norm block: the norms stand inside the branches, the stream itself is only added to."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float


def pre_norm_block(
    x: Float[np.ndarray, "*batch C"],
    attention_norm: Callable[[np.ndarray], np.ndarray],
    attention: Callable[[np.ndarray], np.ndarray],
    ffn_norm: Callable[[np.ndarray], np.ndarray],
    feed_forward: Callable[[np.ndarray], np.ndarray],
) -> Float[np.ndarray, "*batch C"]:
    x = x + attention(attention_norm(x))
    return x + feed_forward(ffn_norm(x))
