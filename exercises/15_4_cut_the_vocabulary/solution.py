"""The loss when no process has all logits: a maximum, a sum and a hit from each."""

import numpy as np
from jaxtyping import Float, Int


def three_numbers(
    logits: Float[np.ndarray, "N W"], targets: Int[np.ndarray, " N"], rank: int
) -> tuple[Float[np.ndarray, " N"], Float[np.ndarray, " N"], Float[np.ndarray, " N"]]:
    """Return what process `rank` tells the others."""
    largest = logits.max(axis=1)
    total = np.exp(logits - largest[:, None]).sum(axis=1)
    width = logits.shape[1]
    column = targets - rank * width
    here = (column >= 0) & (column < width)
    hit = np.zeros(len(targets))
    hit[here] = logits[here, column[here]]
    return largest, total, hit


def mean_nats(
    largest: Float[np.ndarray, "n N"],
    total: Float[np.ndarray, "n N"],
    hit: Float[np.ndarray, "n N"],
    targets: Int[np.ndarray, " N"],
) -> float:
    """Return the mean loss over the targets that count, from what n processes told."""
    top = largest.max(axis=0)
    whole = (total * np.exp(largest - top)).sum(axis=0)  # every sum relative to the same number
    nats = top + np.log(whole) - hit.sum(axis=0)
    return float(nats[targets != -100].mean())
