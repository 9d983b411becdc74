"""Pad each document at its beginning, then move a window over it."""

from collections import Counter, defaultdict


def count_ngrams(documents: list[list[int]], n: int, begin: int) -> dict[tuple[int, ...], dict[int, int]]:
    table: defaultdict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
    for document in documents:
        padded = [begin] * (n - 1) + document
        for t in range(n - 1, len(padded)):
            table[tuple(padded[t - n + 1 : t])][padded[t]] += 1
    return {context: dict(followers) for context, followers in table.items()}
