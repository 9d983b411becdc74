"""The divergence finder on traces made by hand: what parts, by how much, and how it is said."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from minillama.evaluation.divergence import Divergence, compare, first_divergence


def test_the_worst_entry_and_the_scale() -> None:
    expected = {"a": np.array([1.0, 2.0]), "only here": np.zeros(1), "b": np.array([[0.0, 4.0], [-8.0, 1.0]])}
    found = {
        "b": np.array([[0.0, 4.0], [-8.0, 3.0]]),
        "a": np.array([1.0, 2.0 + 2e-12]),
        "only there": np.ones(2),
    }
    errors = compare(expected, found)
    assert [name for name, _ in errors] == ["a", "b"]
    assert errors == [("a", pytest.approx(1e-12, rel=1e-3)), ("b", 0.25)]
    parted = first_divergence(expected, found)
    agreed_to = errors[0][1]
    assert parted == Divergence("b", 0.25, 2, 2, ((2, 2), (2, 2)), (1, 1), 1.0, 3.0, "a", agreed_to)
    assert str(parted) == (
        "b (operation 2 of 2), relative error 0.25 (at [1, 1] expected 1, found 3);"
        " everything before agrees to 1e-12"
    )
    assert first_divergence(expected, found, tolerance=0.25) is None  # at most is equal
    strict = first_divergence(expected, found, tolerance=0)
    assert strict is not None
    assert (strict.name, strict.last_agreed) == ("a", None)
    assert str(strict).endswith("; it is the first")


def test_what_is_not_finite_differs_from_everything_itself_included() -> None:
    for value in (np.nan, np.inf, -np.inf):
        broken = {"a": np.array([[0.0, 1.0], [value, 9.0]], np.float32)}
        whole = {"a": np.array([[5.0, 1.0], [2.0, 3.0]], np.float32)}
        for expected, found in ((broken, whole), (whole, broken), (broken, broken)):
            parted = first_divergence(expected, found, tolerance=100.0)
            assert parted is not None
            assert (parted.relative_error, parted.index) == (np.inf, (1, 0))
    assert "expected 2, found -inf" in str(first_divergence(whole, broken))


def test_shapes_that_differ_part() -> None:
    parted = first_divergence({"a": np.ones((2, 3))}, {"a": np.ones((3, 2))})
    assert parted is not None
    assert parted.index is None
    assert str(parted) == "a (operation 1 of 1), expected shape (2, 3), found (3, 2); it is the first"
    broad = first_divergence({"a": np.ones((2, 3))}, {"a": np.ones((1, 3))})  # nothing is stretched to fit
    assert broad is not None
    assert first_divergence({"a": np.ones((0, 3))}, {"a": np.ones((0, 3))}) is None


def test_nothing_to_compare_is_an_error() -> None:
    with pytest.raises(ValueError, match="no operation in common: expected has a, b, c, found has none"):
        first_divergence({name: np.ones(1) for name in "abcd"}, {})
    for tolerance in (-1e-3, float("nan")):
        with pytest.raises(ValueError, match=r"tolerance is .*: expected a relative error, 0 or more"):
            first_divergence({"a": np.ones(1)}, {"a": np.ones(1)}, tolerance=tolerance)


def test_the_finder_imports_no_torch() -> None:
    code = "import minillama.evaluation.divergence, sys; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
