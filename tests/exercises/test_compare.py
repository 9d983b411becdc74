"""Values told apart, and shown."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pytest
import torch

from minillama.book.exercises.compare import difference, relation
from minillama.book.exercises.show import describe, show


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (np.float64(0.5), 0.5),
        (np.array(0.5), 0.5),
        (2, 2.0),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (10**30, 10**30),
        (float("nan"), float("nan")),
        (float("-inf"), float("-inf")),
        (np.array([1.0, np.nan]), np.array([1.0, np.nan])),
        (np.ones(2, np.float32), np.ones(2)),
        ([np.int64(1), 2], [1, 2]),
        (Counter("aab"), {"a": 2, "b": 1}),
        (defaultdict(int, {(1, 2): 3}), {(1, 2): 3}),
        ({1, 2}, {2, 1}),
        (b"ab", b"ab"),
        (None, None),
        ((1, "a", [0.1]), (1, "a", [0.1])),
    ],
)
def test_equal(found, expected) -> None:
    assert difference(found, expected) is None


@pytest.mark.parametrize(
    ("found", "expected", "said"),
    [
        (2.0, 2, "the float 2.0, expected the int 2"),
        (10**30, 1, f"{10**30}, expected 1"),
        (True, 1, "the bool True, expected the int 1"),
        ("1", 1, "a str of length 1, expected the number 1"),
        (float("nan"), 0.5, "NaN (not a number), expected 0.5"),
        ((1, 2), [1, 2], "a tuple of length 2, expected a list of length 2"),
        ([1, 2], [1, 2, 3], "the length is 2, expected 3"),
        ([1, [2, 5]], [1, [2, 3]], "at [1]: at [1]: 5, expected 3"),
        ({"a": 1}, {"a": 1, "b": 2}, "the key 'b' is missing"),
        ({"a": 1, "b": 2}, {"a": 1}, "the key 'b' should not be there"),
        ({"a": 1}, {"a": 2}, "at ['a']: 1, expected 2"),
        ({1, 3}, {1, 2}, "the element 2 is missing"),
        ("abc", "abd", "differs from position 2 on: 'c', expected 'd'"),
        ("ab", "abd", "the length is 2, expected 3"),
        ((x for x in "a"), ["a"], "a generator, expected a list of length 1"),
        (np.zeros((2, 1)), np.zeros(2), "the shape is (2, 1), expected (2,)"),
        (torch.zeros(2), np.zeros(2), "a torch tensor of shape (2,), expected a NumPy array of shape (2,)"),
        (np.array([1.0, 2.0]), np.array([1.0, 2.1]), "1 of 2 values differ, first at [1]: 2.0, expected 2.1"),
    ],
)
def test_different(found, expected, said: str) -> None:
    assert difference(found, expected) == said


def test_a_relation_needs_enough_values_to_be_more_than_chance() -> None:
    assert relation([(2.0, 1.0)]) is None
    assert relation([]) is None
    assert relation([(np.array([1.0, 2.0, 4.0]), np.array([2.0, 1.0, 7.0]))]) is None
    assert relation([("a", "b")]) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1 / 3, "0.333333"),
        (np.int64(3), "3"),
        ([0.1 + 0.2, "a"], "[0.3, 'a']"),
        ((1,), "(1,)"),
        ((), "()"),
        ({}, "{}"),
        ({(1, 2): 0.5}, "{(1, 2): 0.5}"),
        (np.zeros(2, np.float32), "array([0., 0.], dtype=float32)"),
        (torch.tensor([1, 2]), "tensor([1, 2])"),
        (torch.tensor([1.0], dtype=torch.bfloat16), "tensor([1.], dtype=torch.bfloat16)"),
        (list(range(100)), "[" + "".join(f"{i}, " for i in range(60)) + "...]"),
    ],
)
def test_show(value, text: str) -> None:
    assert show(value) == text


def test_what_is_long_is_cut() -> None:
    assert len(show("a" * 10_000)) < 700
    assert show(np.zeros((50, 50))).endswith("shape (50, 50)")
    assert len(show(np.zeros((50, 50)))) < 600


def test_a_broken_repr_does_no_harm() -> None:
    class Broken:
        def __repr__(self):
            raise RuntimeError

    assert show(Broken()) == "<Broken, whose repr raises RuntimeError>"
    assert describe(Broken()) == "a Broken"
