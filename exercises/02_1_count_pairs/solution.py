"""Which pair is merged next: count without overlap, weigh by words, break ties by age."""

from collections import Counter
from itertools import pairwise


def count_pairs(ids: list[int]) -> dict[tuple[int, int], int]:
    counts: Counter[tuple[int, int]] = Counter()
    last = None  # the pair just counted: if it comes again at once, its left token is used up
    for pair in pairwise(ids):
        if pair == last:
            last = None
            continue
        counts[pair] += 1
        last = pair
    return dict(counts)


def best_pair(words: dict[tuple[int, ...], int]) -> tuple[int, int]:
    totals: Counter[tuple[int, int]] = Counter()
    for word, occurrences in words.items():
        for pair, n in count_pairs(list(word)).items():
            totals[pair] += n * occurrences
    return min(totals, key=lambda pair: (-totals[pair], pair))
