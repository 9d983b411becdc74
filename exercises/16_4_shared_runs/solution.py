"""Remember every run of the documents in a set; then walk along the question's."""

import numpy as np


def covered(question: list[int], documents: list[list[int]], n: int) -> np.ndarray:
    def runs(tokens: list[int]) -> list[tuple[int, ...]]:
        return [tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)]

    known = {run for document in documents for run in runs(document)}
    found = np.zeros(len(question), dtype=bool)
    for i, run in enumerate(runs(question)):
        if run in known:
            found[i : i + n] = True
    return found
