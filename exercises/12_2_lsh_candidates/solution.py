"""Candidates from bands: a table for each band, with the band's numbers as the key."""

from itertools import combinations

import numpy as np
from jaxtyping import UInt32


def candidates(signatures: UInt32[np.ndarray, "N K"], bands: int, rows: int) -> list[tuple[int, int]]:
    pairs = set()
    for band in range(bands):
        table: dict[bytes, list[int]] = {}
        for text, signature in enumerate(signatures):
            key = signature[band * rows : (band + 1) * rows].tobytes()
            table.setdefault(key, []).append(text)
        for bucket in table.values():
            pairs.update(combinations(bucket, 2))  # texts come in order, so i < j
    return sorted(pairs)


def candidate_probability(s: float, bands: int, rows: int) -> float:
    return 1 - (1 - s**rows) ** bands
