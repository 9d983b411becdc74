"""Checks of 03.1: n-grams, counted."""

from collections import Counter, defaultdict

from minillama.book.exercises import Hole

COUNTING = "Counting, in symbols and in code"
ZEROS = "Zeros"

count_ngrams = Hole("count_ngrams")

count_ngrams.case(
    "one document, n = 2, by hand", {(0,): {5: 1}, (5,): {6: 1}}, documents=[[5, 6]], n=2, begin=0
)
count_ngrams.case(
    "n = 1: one empty context, by hand", {(): {5: 1, 6: 2}}, documents=[[5, 6, 6]], n=1, begin=0
)
count_ngrams.case(
    "two documents, n = 3, by hand",
    {(0, 0): {5: 2}, (0, 5): {6: 1, 7: 1}, (5, 6): {6: 1}, (6, 6): {6: 1}},
    documents=[[5, 6, 6, 6], [5, 7]],
    n=3,
    begin=0,
)
count_ngrams.case("an empty document counts nothing", {(9,): {4: 1}}, documents=[[], [4]], n=2, begin=9)


def by_positions(documents, n, begin):
    """For each token look back n - 1 times, and take `begin` where nothing is left."""
    found = Counter()
    for document in documents:
        for t, token in enumerate(document):
            back = [document[t - k] if t - k >= 0 else begin for k in range(n - 1, 0, -1)]
            found[tuple(back), token] += 1
    table = {}
    for (context, token), times in found.items():
        table.setdefault(context, {})[token] = times
    return table


@count_ngrams.against(by_positions, "random documents, against a look back from each token", seeds=8)
def texts(rng):
    lengths = rng.integers(2, 9, size=int(rng.integers(2, 5)))
    return {
        "documents": [rng.integers(1, 4, size=int(length)).tolist() for length in lengths],
        "n": int(rng.integers(2, 5)),
        "begin": 0,
    }


def table_of(windows):
    """Collect (context, token) pairs."""
    table = defaultdict(Counter)
    for context, token in windows:
        table[tuple(context)][token] += 1
    return {context: dict(followers) for context, followers in table.items()}


def windows(padded, n):
    return [(padded[i : i + n - 1], padded[i + n - 1]) for i in range(len(padded) - n + 1)]


@count_ngrams.mistake(
    "Nothing was put before the first token, so the first n - 1 tokens of each document are never"
    " predicted. A model must also know how a text begins.",
    see=COUNTING,
)
def no_padding(documents, n, begin):
    return table_of(pair for document in documents for pair in windows(document, n))


@count_ngrams.mistake(
    "One `begin` stands before each document, whatever n is. A trigram looks two tokens back, so the"
    " first token needs two of them: n - 1.",
    see=COUNTING,
)
def padded_once(documents, n, begin):
    padding = [begin] * min(n - 1, 1)
    return table_of(pair for document in documents for pair in windows(padding + document, n))


@count_ngrams.mistake(
    "n copies of `begin` stand before each document, so `begin` itself is predicted once a document. n -"
    " 1 are enough to predict the first real token.",
    see=COUNTING,
)
def padded_too_often(documents, n, begin):
    return table_of(pair for document in documents for pair in windows([begin] * n + document, n))


@count_ngrams.mistake(
    "The documents were joined into one text first, so the beginning of each is predicted from the end of"
    " the one before. They are unrelated: pad and count each by itself.",
    see=COUNTING,
)
def joined(documents, n, begin):
    text = [token for document in documents for token in document]
    return table_of(windows([begin] * (n - 1) + text, n)) if text else {}


@count_ngrams.mistake(
    "Your contexts have n tokens. An n-gram is context and next token together: n - 1 before, one after.",
    see=COUNTING,
)
def context_too_long(documents, n, begin):
    return table_of(pair for document in documents for pair in windows([begin] * n + document, n + 1))


@count_ngrams.mistake(
    "Your contexts have n - 2 tokens: one too few. A bigram's context is one token.",
    see=COUNTING,
)
def context_too_short(documents, n, begin):
    k = max(n - 1, 1)
    return table_of(pair for document in documents for pair in windows([begin] * (k - 1) + document, k))


@count_ngrams.mistake(
    "The context is written with its newest token first. Read from left to right, as the text runs:"
    " oldest first.",
    see=COUNTING,
)
def newest_first(documents, n, begin):
    return table_of(
        (context[::-1], token)
        for document in documents
        for context, token in windows([begin] * (n - 1) + document, n)
    )


@count_ngrams.mistake(
    "You noted which tokens followed, but not how often: every count is 1. Without the counts, rare and"
    " common are the same.",
    see=ZEROS,
)
def once_each(documents, n, begin):
    full = by_positions(documents, n, begin)
    return {context: dict.fromkeys(followers, 1) for context, followers in full.items()}


@count_ngrams.mistake(
    "Your windows do not overlap: after each n-gram you went on n places. Every token is predicted once,"
    " so the window moves by one.",
    see=COUNTING,
)
def no_overlap(documents, n, begin):
    return table_of(pair for document in documents for pair in windows([begin] * (n - 1) + document, n)[::n])


@count_ngrams.mistake(
    "The last token of each document is missing: the window stopped one place too early. It is often the"
    " token that ends a text, and a model that never saw it cannot stop.",
    see=COUNTING,
)
def last_missing(documents, n, begin):
    return table_of(pair for document in documents for pair in windows([begin] * (n - 1) + document, n)[:-1])
