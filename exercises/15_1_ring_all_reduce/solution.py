"""All-reduce in a ring: two rounds, one that adds and one that copies."""

import numpy as np
from jaxtyping import Float


def ring_all_reduce(
    arrays: list[Float[np.ndarray, " N"]],
) -> tuple[list[Float[np.ndarray, " N"]], list[int]]:
    """Return what each process holds in the end, and how many numbers each has sent."""
    n = len(arrays)
    held = [np.split(array.copy(), n) for array in arrays]  # held[process][chunk]
    sent = [0] * n
    for step in range(2 * (n - 1)):
        mail = [held[r][(r - step) % n].copy() for r in range(n)]  # all send at once
        for r in range(n):
            sent[r] += mail[r].size
            chunk = (r - 1 - step) % n  # what the left-hand neighbour has sent
            if step < n - 1:
                held[r][chunk] += mail[r - 1]
            else:
                held[r][chunk] = mail[r - 1]
    return [np.concatenate(chunks) for chunks in held], sent
