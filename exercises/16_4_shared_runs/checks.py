"""Checks of 16.4: runs that question and training data share."""

import numpy as np

from minillama.book.exercises import Hole

WAS_IT = "Was the test in the training data?"

covered = Hole("covered")


def flags(text):
    return np.array([c == "x" for c in text])


covered.case(
    "one shared run, by hand", flags(".xxx."), question=[9, 2, 3, 4, 1], documents=[[1, 2, 3, 4], [5, 6]], n=3
)
covered.case(
    "the same tokens in another order are no run",
    flags("...."),
    question=[3, 2, 1, 4],
    documents=[[1, 2, 3, 4]],
    n=2,
)
covered.case(
    "a run does not go on in the next document",
    flags("...."),
    question=[1, 2, 3, 4],
    documents=[[1, 2], [3, 4]],
    n=3,
)
covered.case(
    "runs that overlap, and one at the very end",
    flags("xxxx.xxx"),
    question=[1, 2, 3, 4, 9, 5, 6, 7],
    documents=[[1, 2, 3, 8], [0, 2, 3, 4], [5, 6, 7]],
    n=3,
)
covered.case("n = 1: every token that occurs", flags("x.x"), question=[4, 5, 4], documents=[[4], [6]], n=1)
covered.case("shorter than a run", flags(".."), question=[1, 2], documents=[[1, 2, 3]], n=3)
covered.case(
    "the same ending, shorter than a run",
    flags("..."),
    question=[7, 1, 2],
    documents=[[5, 1, 2]],
    n=3,
)
covered.case("no document", flags("..."), question=[1, 2, 3], documents=[], n=2)


def by_search(question, documents, n):
    """Compare every place of the question with every place of every document, token by token."""
    found = []
    for place in range(len(question)):
        hit = False
        for start in range(max(0, place - n + 1), place + 1):
            for document in documents:
                for at in range(len(document)):
                    inside = start + n <= len(question) and at + n <= len(document)
                    hit = hit or (inside and all(question[start + k] == document[at + k] for k in range(n)))
        found.append(hit)
    return np.array(found, dtype=bool)


@covered.against(by_search, "random texts of few different tokens, by search", seeds=10)
def texts(rng):
    return {
        "question": rng.integers(0, 3, int(rng.integers(3, 14))).tolist(),
        "documents": [rng.integers(0, 3, int(rng.integers(0, 9))).tolist() for _ in range(3)],
        "n": int(rng.integers(2, 5)),
    }


@covered.law("the documents in another order: the same", texts, seeds=2)
def reordered(covered, question, documents, n):
    return covered(question, documents[::-1], n), covered(question, documents, n)


def marked(question, documents, n, width=None, runs=None, stop=1):
    """Mark with some part exchanged."""
    if runs is None:
        runs = {tuple(d[i : i + n]) for d in documents for i in range(len(d) - n + 1)}
    found = np.zeros(len(question), dtype=bool)
    for i in range(len(question) - n + stop):
        if tuple(question[i : i + n]) in runs:
            found[i : i + (n if width is None else width)] = True
    return found


@covered.mistake("Only the first token of each shared run is marked. All n of them are covered.", see=WAS_IT)
def first_only(question, documents, n):
    return marked(question, documents, n, width=1)


@covered.mistake(
    "The documents were joined before the runs were taken, so runs cross from one into the next. No reader of"
    " the training data has seen those.",
    see=WAS_IT,
)
def joined(question, documents, n):
    return marked(question, [[token for document in documents for token in document]], n)


@covered.mistake(
    "Every token that occurs anywhere in the documents is marked. That is n = 1: common words would make"
    " every text look known.",
    see=WAS_IT,
)
def single_tokens(question, documents, n):
    seen = {token for document in documents for token in document}
    return np.array([token in seen for token in question], dtype=bool)


@covered.mistake(
    "The last run of the question is not looked at: a text of L tokens has L - n + 1 runs.", see=WAS_IT
)
def last_run_missed(question, documents, n):
    return marked(question, documents, n, stop=0)


@covered.mistake(
    "The order of the tokens within a run does not count in your result. A run is a sequence, not a set.",
    see=WAS_IT,
)
def unordered(question, documents, n):
    runs = {frozenset(d[i : i + n]) for d in documents for i in range(len(d) - n + 1)}
    found = np.zeros(len(question), dtype=bool)
    for i in range(len(question) - n + 1):
        if frozenset(question[i : i + n]) in runs:
            found[i : i + n] = True
    return found


@covered.mistake(
    "Runs of n + 1 tokens are looked for: `range(...)` and the slice must both use n.", see=WAS_IT
)
def one_longer(question, documents, n):
    return marked(question, documents, n + 1)


@covered.mistake(
    "The runs were cut side by side, every n tokens, in the documents. A shared run may begin anywhere.",
    see=WAS_IT,
)
def side_by_side(question, documents, n):
    runs = {tuple(d[i : i + n]) for d in documents for i in range(0, len(d) - n + 1, n)}
    return marked(question, documents, n, runs=runs)


@covered.mistake(
    "The ends are treated as runs, though fewer than n tokens are left there: two texts that end in the same"
    " word would share one. The last run starts at L - n.",
    see=WAS_IT,
)
def short_tails(question, documents, n):
    runs = {tuple(d[i : i + n]) for d in documents for i in range(len(d))}
    found = np.zeros(len(question), dtype=bool)
    for i in range(len(question)):
        if tuple(question[i : i + n]) in runs:
            found[i : i + n] = True
    return found
