"""Shared runs, against a search that compares every run with every other."""

from __future__ import annotations

import numpy as np
import pytest

from minillama.evaluation.contamination import TOKENS, WORDS, NgramIndex, words


def by_search(question: list[int], documents: list[list[int]], n: int) -> list[bool]:
    covered = [False] * len(question)
    for i in range(len(question) - n + 1):
        for document in documents:
            if any(question[i : i + n] == document[j : j + n] for j in range(len(document) - n + 1)):
                covered[i : i + n] = [True] * n
    return covered


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_covered_is_what_a_search_finds(n: int) -> None:
    rng = np.random.default_rng(n)
    for _ in range(40):
        documents = [rng.integers(0, 3, rng.integers(0, 12)).tolist() for _ in range(3)]
        question = rng.integers(0, 3, rng.integers(1, 14)).tolist()
        expected = by_search(question, documents, n)
        index = NgramIndex(n, documents)
        assert index.covered(question).tolist() == expected
        assert index.collides(question) is any(expected)
        assert index.contamination(question) == pytest.approx(np.mean(expected))


def test_runs_do_not_cross_documents() -> None:
    index = NgramIndex(3, [[1, 2], [3, 4]])
    assert len(index) == 0
    assert not index.collides([1, 2, 3, 4])


def test_words_forget_case_and_punctuation() -> None:
    text = "The quick, brown fox; jumps -- over the LAZY dog's back and then it ran away"
    index = NgramIndex(WORDS, [words(text)])
    assert index.collides(words('"the quick brown fox jumps over the lazy dogs back and then it!" he said'))
    assert not index.collides(words("the quick brown fox jumps over the lazy dogs back and then she ran"))
    assert words("É só isso?") == ["é", "só", "isso"]


def test_a_leaked_half_is_half_contaminated() -> None:
    rng = np.random.default_rng(0)
    training = rng.integers(0, 1000, 5000).tolist()
    question = rng.integers(0, 1000, 40).tolist() + training[700:740]
    assert NgramIndex(TOKENS, [training]).contamination(question) == 0.5
    assert NgramIndex(TOKENS, [training]).contamination([]) == 0.0


@pytest.mark.error_contract
def test_empty_runs_are_refused() -> None:
    with pytest.raises(ValueError, match="n is 0"):
        NgramIndex(0)
