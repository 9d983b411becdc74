"""Average the surprise over the real tokens, then undo the logarithm."""

import numpy as np
from jaxtyping import Float, Int


def perplexity(log_p: Float[np.ndarray, "B T"], targets: Int[np.ndarray, "B T"]) -> float:
    real = targets != -100  # (B, T)
    return float(np.exp(-np.mean(log_p[real])))
