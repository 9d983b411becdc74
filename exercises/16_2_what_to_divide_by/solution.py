"""Four scores, one argmax."""

import numpy as np


def pick(
    log_likelihoods: np.ndarray,
    unconditional: np.ndarray,
    tokens: np.ndarray,
    choices: list[str],
    rule: str,
) -> int:
    if rule == "token":
        scores = log_likelihoods / tokens
    elif rule == "byte":
        scores = log_likelihoods / [len(choice.strip().encode()) for choice in choices]
    elif rule == "unconditional":
        scores = log_likelihoods - unconditional  # the logarithm of a ratio
    else:
        scores = log_likelihoods
    return int(np.argmax(scores))
