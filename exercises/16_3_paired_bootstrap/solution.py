"""One difference a question; the draws choose among these."""

import numpy as np


def paired_interval(a: np.ndarray, b: np.ndarray, draws: np.ndarray) -> tuple[float, float, float]:
    differences = a - b
    low, high = np.quantile(differences[draws].mean(axis=1), [0.025, 0.975])
    return float(differences.mean()), float(low), float(high)
