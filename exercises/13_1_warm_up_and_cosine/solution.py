"""Solution of 13.1."""

import math


def learning_rate(step: int, steps: int, warmup: int, peak: float, floor: float) -> float:
    """Go up in a line, and down along half a cosine to the floor."""
    if step < warmup:
        return peak * (step + 1) / (warmup + 1)
    progress = (step - warmup) / (steps - 1 - warmup)
    return peak * (floor + (1 - floor) * (1 + math.cos(math.pi * progress)) / 2)
