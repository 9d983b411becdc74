"""Byte-pair encoding: applying merges to a word, and learning them from word counts.

A *merge* says that two neighbouring symbols may become one. Encoding applies the merges in the order
in which they were learnt; training finds, again and again, the most frequent pair and makes it a
merge. Here is only the algorithm, over symbols of any kind: cutting text into words
(``pretokenize``), bytes and ids (``byte_level``) and files are other modules' work. Left out: BPE
dropout, and training in several processes.

Sources: Gage, "A New Algorithm for Data Compression" (1994); Sennrich, Haddow and Birch,
arXiv 1508.07909, section 3.2. The tie rule is that of the ``tokenizers`` library.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from heapq import heapify, heappop, heappush
from itertools import pairwise
from typing import TypeVar

from minillama.tokenizer.alphabet import BYTE_ORDER

Symbol = TypeVar("Symbol", int, str)
Pair = tuple[int, int]


def merge_simple(
    symbols: Sequence[Symbol], rule: Callable[[tuple[Symbol, Symbol]], tuple[int | float, Symbol] | None]
) -> list[Symbol]:
    """Apply merges to one word, as the definition says: lowest rank first, leftmost among equals.

    This is the specification. Each round reads the whole word, so n symbols cost O(n^2) steps;
    ``merge`` gives the same result in O(n log n).

    Parameters
    ----------
    symbols
        The word, as symbols that are not merged yet.
    rule
        Gives for a pair of neighbours ``(rank, merged symbol)``, or None where no merge applies.

    Returns
    -------
    list
        The symbols that are left when no merge applies any more.

    Examples
    --------
    >>> rules = {("l", "l"): (0, "ll"), ("e", "ll"): (1, "ell"), ("h", "e"): (2, "he")}
    >>> merge_simple("hello", rules.get)
    ['h', 'ell', 'o']
    """
    symbols = list(symbols)
    while True:
        matches = [(rule(pair), i) for i, pair in enumerate(pairwise(symbols))]
        found = [(match[0], i, match[1]) for match, i in matches if match is not None]
        if not found:
            return symbols
        _, i, merged = min(found)
        symbols[i : i + 2] = [merged]


def merge(
    symbols: Sequence[Symbol], rule: Callable[[tuple[Symbol, Symbol]], tuple[int | float, Symbol] | None]
) -> list[Symbol]:
    """Apply merges to one word in O(n log n): what ``merge_simple`` does, with a heap and a linked list.

    The heap holds every pair that can be merged, the next one on top. A merge leaves entries behind
    whose symbols are gone; they are recognised when they come up, and dropped.

    Parameters
    ----------
    symbols, rule
        As for ``merge_simple``.

    Returns
    -------
    list
        The symbols that are left when no merge applies any more.

    Examples
    --------
    >>> rules = {("l", "l"): (0, "ll"), ("e", "ll"): (1, "ell"), ("h", "e"): (2, "he")}
    >>> merge("hello", rules.get)
    ['h', 'ell', 'o']
    """
    row: list[Symbol | None] = list(symbols)  # None: merged into the symbol on its left
    end = len(row)
    before, after = list(range(-1, end - 1)), list(range(1, end + 1))
    heap = [
        (match[0], i, pair, match[1])
        for i, pair in enumerate(pairwise(symbols))
        if (match := rule(pair)) is not None
    ]
    heapify(heap)
    while heap:
        _, i, pair, merged = heappop(heap)
        j = after[i]
        if j == end or (row[i], row[j]) != pair:
            continue
        row[i], row[j] = merged, None
        after[i] = after[j]
        if after[i] < end:
            before[after[i]] = i
        for left in (before[i], i):
            if left >= 0 and after[left] < end:
                pair = (row[left], row[after[left]])  # type: ignore[assignment]
                match = rule(pair)
                if match is not None:
                    heappush(heap, (match[0], left, pair, match[1]))
    return [symbol for symbol in row if symbol is not None]


def train_bpe(words: Mapping[bytes, int], vocab_size: int) -> tuple[list[bytes], list[Pair]]:
    """Learn merges: make the most frequent pair of neighbours a token, until there are enough.

    Among equally frequent pairs the one with the smaller ids wins, that is, the one whose tokens are
    older; the left one is compared first. Pairs are counted at every place where they stand, so
    "aaaa" holds ("a", "a") three times. Where two merges give the same bytes ("a" + "bc", "ab" + "c"),
    the vocabulary holds the token once and both merges lead to it.

    Parameters
    ----------
    words
        How often each word occurs. The order of the words does not matter.
    vocab_size
        Number of tokens wanted, the 256 single bytes included.

    Returns
    -------
    tokens : list of bytes
        The token of each id: the single bytes in ``BYTE_ORDER``, then the merged ones. Fewer than
        ``vocab_size`` when every word has become a single token.
    merges : list of (int, int)
        The merged pairs of ids, in order.

    Notes
    -----
    The words lie end to end as linked lists of ids, beside an index from each pair to its places, so
    that a merge touches only the places where it happens. The next pair comes from a heap whose
    entries may be out of date; one that is gets its new count when it comes up.

    Examples
    --------
    >>> tokens, merges = train_bpe({b"hug": 10, b"pug": 5, b"pun": 12, b"bun": 4, b"hugs": 5}, 259)
    >>> tokens[256:]
    [b'ug', b'un', b'hug']
    """
    tokens = [bytes([byte]) for byte in BYTE_ORDER]
    id_of = {token: i for i, token in enumerate(tokens)}
    merges: list[Pair] = []
    text = _LinkedText(([id_of[bytes([byte])] for byte in word], n) for word, n in words.items() if word)
    heap = [(-count, pair) for pair, count in text.counts.items()]
    heapify(heap)
    while heap and len(tokens) < vocab_size:
        negative, pair = heappop(heap)
        count = text.counts.get(pair, 0)
        if count != -negative:
            if count > 0:
                heappush(heap, (-count, pair))
            continue
        token = tokens[pair[0]] + tokens[pair[1]]
        new = id_of.setdefault(token, len(tokens))
        if new == len(tokens):
            tokens.append(token)
        merges.append(pair)
        for grown in text.replace(pair, new):
            heappush(heap, (-text.counts[grown], grown))
    return tokens, merges


class _LinkedText:
    """Distinct words as linked lists of ids, with the count of every pair and the places where it stands."""

    def __init__(self, words: Iterable[tuple[list[int], int]]) -> None:
        self.ids: list[int] = []  # -1: merged into the id on its left
        self.before: list[int] = []  # place of the neighbour in the same word, or -1
        self.after: list[int] = []
        self.weight: list[int] = []  # how often the word of this place occurs
        self.counts: dict[Pair, int] = {}
        self.places: dict[Pair, list[int]] = {}  # of a pair's left half; may be out of date
        for ids, weight in words:
            start, stop = len(self.ids), len(self.ids) + len(ids)
            self.ids += ids
            self.before += [-1, *range(start, stop - 1)]
            self.after += [*range(start + 1, stop), -1]
            self.weight += [weight] * len(ids)
            for place, pair in enumerate(pairwise(ids), start):
                self._add(pair, place)

    def _add(self, pair: Pair, place: int) -> None:
        self.counts[pair] = self.counts.get(pair, 0) + self.weight[place]
        self.places.setdefault(pair, []).append(place)

    def replace(self, pair: Pair, new: int) -> set[Pair]:
        """Merge ``pair`` into ``new`` wherever it stands, from left to right; return the pairs that grew."""
        ids, before, after, counts = self.ids, self.before, self.after, self.counts
        left, right = pair
        grown = set()
        for i in sorted(self.places.pop(pair)):
            j = after[i]
            if j < 0 or ids[i] != left or ids[j] != right:
                continue
            ids[i], ids[j] = new, -1
            h, k = before[i], after[j]
            after[i] = k
            if h >= 0:
                counts[ids[h], left] -= self.weight[i]
                self._add((ids[h], new), h)
                grown.add((ids[h], new))
            if k >= 0:
                before[k] = i
                counts[right, ids[k]] -= self.weight[i]
                self._add((new, ids[k]), i)
                grown.add((new, ids[k]))
        del counts[pair]
        return {grown_pair for grown_pair in grown if counts[grown_pair] > 0}
