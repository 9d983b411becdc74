"""The gap to the floor: a difference of sums, over a sum."""

import numpy as np
from jaxtyping import Float, Int


def gap_to_floor(
    model_nats: Float[np.ndarray, " N"],
    story_nats: Float[np.ndarray, " N"],
    tokens: Int[np.ndarray, " N"],
) -> float:
    # Sum first and divide once: every token counts the same, whichever story it stands in.
    return float((model_nats.sum() - story_nats.sum()) / tokens.sum())
