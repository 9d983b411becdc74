"""Checks of 02.1: pairs of neighbours, counted and chosen."""

from collections import Counter
from itertools import combinations, pairwise

from minillama.book.exercises import Hole

count_pairs = Hole("count_pairs")
best_pair = Hole("best_pair")

count_pairs.case("two tokens", {(3, 4): 1}, ids=[3, 4])
count_pairs.case("nothing to count", {}, ids=[5])
count_pairs.case("nothing to count", {}, ids=[])
count_pairs.case("a pair that comes twice, by hand", {(5, 6): 2, (6, 5): 1, (6, 8): 1}, ids=[5, 6, 5, 6, 8])
count_pairs.case("neighbours overlap, by hand", {(1, 2): 1, (2, 1): 1, (1, 3): 1}, ids=[1, 2, 1, 3])
count_pairs.case("runs of one token, by hand", {(7, 7): 1}, ids=[7, 7, 7])
count_pairs.case("runs of one token, by hand", {(7, 7): 2}, ids=[7, 7, 7, 7])
count_pairs.case("runs of one token, by hand", {(7, 7): 2, (7, 1): 1, (1, 7): 1}, ids=[7, 7, 1, 7, 7])


def as_text(ids):
    """Write tokens as characters, one each."""
    return "".join(chr(0x100 + i) for i in ids)


def by_text_search(ids):
    """Python's str.count finds places that do not overlap."""
    return {pair: as_text(ids).count(as_text(pair)) for pair in set(pairwise(ids))}


@count_pairs.against(by_text_search, "random tokens, against a text search", seeds=8)
def tokens(rng):
    return {"ids": rng.integers(0, 3, size=int(rng.integers(3, 24))).tolist()}


@count_pairs.mistake(
    "You counted every place, also those that overlap: [7, 7, 7] gives (7, 7) twice, but after one"
    " merge there is no second one to make. Libraries do count like this; it promises merges that cannot"
    " happen.",
    see="Two planted mistakes",
)
def every_place(ids):
    return dict(Counter(pairwise(ids)))


@count_pairs.mistake(
    "You cut the list into pairs, first and second, third and fourth, and so on. Neighbours at the odd"
    " places are pairs too.",
    see="Learn the merges",
)
def cut_in_twos(ids):
    return dict(Counter(zip(ids[::2], ids[1::2], strict=False)))


@count_pairs.mistake(
    "After any counted pair you skipped its right token, whatever pair came next. Each pair is counted by"
    " itself: in [1, 2, 1] both (1, 2) and (2, 1) occur, though only one of them can be merged in the end.",
    see="Learn the merges",
)
def skip_after_any(ids):
    counts, i = Counter(), 0
    while i + 1 < len(ids):
        counts[ids[i], ids[i + 1]] += 1
        i += 2 if i + 2 < len(ids) and (ids[i + 1], ids[i + 2]) != (ids[i], ids[i + 1]) else 1
    return dict(counts)


@count_pairs.mistake(
    "You counted each pair once, however often it occurs: that is the set of pairs, not their counts.",
    see="Learn the merges",
)
def once_each(ids):
    return dict.fromkeys(pairwise(ids), 1)


@count_pairs.mistake(
    "You counted (a, b) and (b, a) as the same pair. Order matters: `th` is not `ht`.",
    see="Learn the merges",
)
def either_order(ids):
    counts, last = Counter(), None
    for pair in pairwise(ids):
        if pair == last:
            last = None
            continue
        counts[tuple(sorted(pair))] += 1
        last = pair
    return dict(counts)


@count_pairs.mistake(
    "You counted all tokens that occur together anywhere in the list. A pair is two tokens side by side.",
    see="Learn the merges",
)
def anywhere(ids):
    return dict(Counter(combinations(ids, 2)))


@count_pairs.mistake(
    "You also joined the last token with the first, as if the list were a ring.",
    see="Learn the merges",
)
def ring(ids):
    counts, last = Counter(), None
    for pair in zip(ids, ids[1:] + ids[:1], strict=True):
        if pair == last:
            last = None
            continue
        counts[pair] += 1
        last = pair
    return dict(counts)


best_pair.case("one word", (1, 2), words={(1, 2): 1})
best_pair.case("words weigh by how often they occur, by hand", (1, 2), words={(1, 2): 3, (8, 9, 8, 9): 1})
best_pair.case("words weigh by how often they occur, by hand", (8, 9), words={(1, 2, 1, 2): 1, (8, 9): 4})
best_pair.case("a pair more than once in a word, by hand", (8, 9), words={(1, 2): 3, (8, 9, 8, 9): 2})
best_pair.case("equal counts, by hand", (2, 5), words={(4, 1): 2, (2, 5): 2, (2, 7): 2})
best_pair.case("equal counts, by hand", (2, 5), words={(2, 7): 2, (2, 5): 2, (4, 1): 2})
best_pair.case("equal counts, by hand", (1, 6), words={(4, 1, 6): 1, (3, 9, 6): 1})
best_pair.case("no pair across words, by hand", (2, 8), words={(5, 1): 2, (1, 5): 1, (2, 8): 2})
best_pair.case("runs of one token, by hand", (1, 2), words={(7, 7, 7): 2, (1, 2): 3})


def by_joined_text(words):
    """Write the words out, one after another with a mark between, and let str.count do the rest."""
    text = "|".join(as_text(word) for word, n in words.items() for _ in range(n))
    pairs = sorted({pair for word in words for pair in pairwise(word)})
    return max(pairs, key=lambda pair: text.count(as_text(pair)))  # max keeps the first of equals


@best_pair.against(by_joined_text, "random words, against a text search", seeds=10)
def some_words(rng):
    lengths = rng.integers(2, 6, size=int(rng.integers(2, 7)))
    return {"words": {tuple(rng.integers(0, 4, size=n).tolist()): int(rng.integers(1, 5)) for n in lengths}}


def weighed(words, count=None, occurrences=lambda n: n):
    """Totals of all pairs, with a way of counting and of weighing."""
    totals = Counter()
    for word, n in words.items():
        for pair, k in (count or by_text_search)(list(word)).items():
            totals[pair] += k * occurrences(n)
    return totals


@best_pair.mistake(
    "Every word counted once, however often it occurs. A word that comes a thousand times offers"
    " a thousand merges.",
    see="Learn the merges",
)
def unweighed(words):
    totals = weighed(words, occurrences=lambda n: 1)
    return min(totals, key=lambda pair: (-totals[pair], pair))


@best_pair.mistake(
    "You counted the words that hold the pair. A pair that comes twice in a word offers two merges there.",
    see="Learn the merges",
)
def words_that_hold_it(words):
    totals = weighed(words, count=once_each)
    return min(totals, key=lambda pair: (-totals[pair], pair))


@best_pair.mistake(
    "Of equally frequent pairs you took the larger one, as `max` over (count, pair) does. The smaller"
    " one wins: its tokens are older.",
    see="Learn the merges",
)
def larger_of_equals(words):
    totals = weighed(words)
    return max(totals, key=lambda pair: (totals[pair], pair))


@best_pair.mistake(
    "Of equally frequent pairs you took the one that was met first, so the result depends on the order"
    " of the words. The smaller pair wins.",
    see="Learn the merges",
)
def first_of_equals(words):
    totals = Counter()
    for word, n in words.items():
        for pair in dict.fromkeys(pairwise(word)):
            totals[pair] += by_text_search(list(word))[pair] * n
    return max(totals, key=lambda pair: totals[pair])


@best_pair.mistake(
    "Of equally frequent pairs you compared the right tokens first. The left token decides, then the right.",
    see="Learn the merges",
)
def right_token_first(words):
    totals = weighed(words)
    return min(totals, key=lambda pair: (-totals[pair], pair[::-1]))


@best_pair.mistake(
    "You put the words end to end, so a pair could be made of one word's last token and the next word's"
    " first. No merge crosses a cut of the pre-tokeniser.",
    see="Cut first: the pre-tokeniser",
)
def across_words(words):
    totals = Counter(by_text_search([token for word, n in words.items() for _ in range(n) for token in word]))
    return min(totals, key=lambda pair: (-totals[pair], pair))


@best_pair.mistake(
    "Runs of one token were counted at every place, so (7, 7) counts twice in (7, 7, 7). Use your"
    " count_pairs.",
    see="Two planted mistakes",
)
def overlapping(words):
    totals = weighed(words, count=every_place)
    return min(totals, key=lambda pair: (-totals[pair], pair))


@best_pair.mistake("You took the rarest pair. The most frequent one saves most.", see="Learn the merges")
def rarest(words):
    totals = weighed(words)
    return min(totals, key=lambda pair: (totals[pair], pair))
