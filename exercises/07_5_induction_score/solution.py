"""The share of attention that goes to what followed an equal token."""

import numpy as np
from jaxtyping import Float, Int


def induction_score(weights: Float[np.ndarray, "T T"], tokens: Int[np.ndarray, " T"]) -> float:
    sums = []
    for t in range(len(tokens)):
        earlier = np.flatnonzero(tokens[:t] == tokens[t])  # all s < t with the same token
        if len(earlier) > 0:
            sums.append(np.sum(weights[t, earlier + 1]))
    return float(np.mean(sums)) if sums else 0.0
