"""Was the test in the training data? Runs of n tokens or words that both have.

    training   ... the quick brown fox jumps over the lazy dog ...          n = 4
    question   a quick brown fox jumps over a fence
                 ~~~~~ ~~~~~ ~~~ ~~~~~                                      one shared run of 4
                       ~~~~~ ~~~ ~~~~~ ~~~~                                 another: 5 of 8 words are covered

GPT-3 calls a question dirty if it shares one run of 13 words (fewer for tasks of short questions); Llama 2
counts the share of a question's *tokens* that stand in shared runs of more than 10: clean is a question
below a fifth, dirty one above four fifths. Neither finds a paraphrase, and both find a public text that a
question quotes.

Left out: Llama 2's allowance of four mismatches within a run.

References
----------
Brown et al. 2020, GPT-3, arXiv 2005.14165, section 4 and appendix C. Touvron et al. 2023, Llama 2, arXiv
2307.09288, appendix A.6.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Sequence

import numpy as np
from jaxtyping import Bool

WORDS = 13
"""GPT-3's longest runs, in words."""
TOKENS = 11
"""Llama 2's shortest: "longer than 10 tokens"."""


def words(text: str) -> list[str]:
    """Return the words of a text in lower case, without punctuation.

    Examples
    --------
    >>> words("It's Tom, the mouse!")
    ['its', 'tom', 'the', 'mouse']
    """
    return re.sub(r"[^\w\s]", "", text.lower()).split()


class NgramIndex:
    """The runs of n items that training documents hold.

    Parameters
    ----------
    n : int
        Items in a run.
    documents : iterable of sequences
        Token ids or words, as the questions will be.

    Raises
    ------
    ValueError
        If n is not positive.

    Examples
    --------
    >>> index = NgramIndex(4, [words("The quick brown fox jumps over the lazy dog.")])
    >>> index.covered(words("A quick brown fox jumps over a fence")).tolist()
    [False, True, True, True, True, True, False, False]
    """

    def __init__(self, n: int, documents: Iterable[Sequence[Hashable]] = ()) -> None:
        if n < 1:
            raise ValueError(f"n is {n}: expected at least 1")
        self.n = n
        self._runs: set[int] = set()  # hashes of 64 bits: 8 bytes to tell apart what 13 words would fill
        for document in documents:
            self.add(document)

    def __len__(self) -> int:
        return len(self._runs)

    def add(self, document: Sequence[Hashable]) -> None:
        """Remember every run of a document."""
        self._runs.update(self._hashes(document))

    def covered(self, question: Sequence[Hashable]) -> Bool[np.ndarray, " length"]:
        """Return for each item of a question whether it stands in a run that the documents have too."""
        covered = np.zeros(len(question), dtype=bool)
        for start, run in enumerate(self._hashes(question)):
            if run in self._runs:
                covered[start : start + self.n] = True
        return covered

    def contamination(self, question: Sequence[Hashable]) -> float:
        """Return the share of a question's items that are covered; 0 for an empty one."""
        return float(self.covered(question).mean()) if question else 0.0

    def collides(self, question: Sequence[Hashable]) -> bool:
        """Return whether a question has at least one run in common with the documents (GPT-3's dirty)."""
        return any(run in self._runs for run in self._hashes(question))

    def _hashes(self, items: Sequence[Hashable]) -> Iterable[int]:
        return (hash(tuple(items[i : i + self.n])) for i in range(len(items) - self.n + 1))
