"""Two results, compared and told apart in words: value by value, and over many cases at once.

Numbers, strings, bytes, None, NumPy arrays, torch tensors, and lists, tuples, dicts and sets of them.
Anything else is compared by ``==``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .show import describe, is_tensor, show, to_numpy

KINDS = {"b": "booleans", "i": "whole numbers", "u": "whole numbers", "f": "floats", "c": "complex numbers"}


def difference(found: Any, expected: Any, tolerance: float = 1e-5, exact_dtype: bool = False) -> str | None:
    """Say how `found` differs from `expected`, in one sentence without a full stop; None if they are equal.

    Parameters
    ----------
    found, expected : object
    tolerance : float
        Floats are equal within ``tolerance * (1 + |expected|)``.
    exact_dtype : bool
        Whether float32 for float64 counts as different.

    Examples
    --------
    >>> difference([1, 2], [1, 3])
    'at [1]: 2, expected 3'
    >>> difference(None, 0.5)
    'nothing was returned (None); a `return` may be missing'
    >>> difference(0.500001, 0.5) is None
    True
    """
    if found is None and expected is not None:
        return "nothing was returned (None); a `return` may be missing"
    if _is_number(expected):
        return _numbers(found, expected, tolerance)
    if is_tensor(expected) or isinstance(expected, np.ndarray):
        return _arrays(found, expected, tolerance, exact_dtype)
    if type(found) is not type(expected) and not isinstance(found, type(expected)):
        return f"{describe(found)}, expected {describe(expected)}"
    if isinstance(expected, list | tuple):
        return _sequences(found, expected, tolerance, exact_dtype)
    if isinstance(expected, dict):
        return _keys(found.keys(), expected.keys(), "key") or _items(found, expected, tolerance, exact_dtype)
    if isinstance(expected, set | frozenset):
        return _keys(found, expected, "element")
    if isinstance(expected, str | bytes):
        return _texts(found, expected)
    return None if found == expected else f"{show(found)}, expected {show(expected)}"


def relation(pairs: Iterable[tuple[Any, Any]]) -> str | None:
    """Say what the results of all cases have in common against the expected ones, if it is something plain.

    Parameters
    ----------
    pairs : iterable of (found, expected)

    Examples
    --------
    >>> relation([(2.0, 1.0), (4.0, 2.0), (-6.0, -3.0)])
    'every value is the expected one times 2'
    """
    pairs = list(pairs)
    if pairs and all(_transposed(found, expected) for found, expected in pairs):
        return "every result is the expected one transposed"
    flat = [(_flat(found), _flat(expected)) for found, expected in pairs]
    if any(f is None or e is None or f.shape != e.shape for f, e in flat):
        return None
    f = np.concatenate([found for found, _ in flat]) if flat else np.empty(0)
    e = np.concatenate([expected for _, expected in flat]) if flat else np.empty(0)
    if len(np.unique(e)) < 3 or not np.isfinite(f).all() or not np.isfinite(e).all():
        return None
    if np.allclose(f, -e, rtol=1e-4, atol=1e-6):
        return "every value has the opposite sign"
    factor = float(f @ e / (e @ e))
    if factor and np.allclose(f, factor * e, rtol=1e-4, atol=1e-6):
        return f"every value is the expected one times {factor:.4g}"
    offset = float((f - e).mean())
    if np.allclose(f, e + offset, rtol=1e-4, atol=1e-6):
        return f"every value is the expected one {'plus' if offset > 0 else 'minus'} {abs(offset):.4g}"
    return None


def _is_number(value: Any) -> bool:
    """Say whether a value is one number; a NumPy array without axes is."""
    scalar = isinstance(value, np.ndarray) and value.ndim == 0
    return scalar or isinstance(value, bool | int | float | complex | np.generic)


def _numbers(found: Any, expected: Any, tolerance: float) -> str | None:
    """Compare with a number; NumPy's numbers pass for Python's, and whole numbers for floats."""
    if not _is_number(found):
        return f"{describe(found)}, expected the number {show(expected)}"
    if type(found) is type(expected) is int:  # of any size
        return None if found == expected else f"{show(found)}, expected {show(expected)}"
    f, e = np.asarray(found), np.asarray(expected)
    kinds = KINDS.get(f.dtype.kind), KINDS.get(e.dtype.kind)
    if kinds[0] != kinds[1] and kinds != ("whole numbers", "floats"):
        return f"{describe(found)}, expected {describe(expected)}"
    if np.isnan(f) and not np.isnan(e):
        return f"NaN (not a number), expected {show(expected)}"
    return None if _close(f, e, tolerance).all() else f"{show(found)}, expected {show(expected)}"


def _arrays(found: Any, expected: Any, tolerance: float, exact_dtype: bool) -> str | None:
    """Compare with an array or a tensor: type, shape, kind of number, values."""
    if is_tensor(found) != is_tensor(expected) or not (is_tensor(found) or isinstance(found, np.ndarray)):
        return f"{describe(found)}, expected {describe(expected)}"
    f, e = to_numpy(found), to_numpy(expected)
    if f.shape != e.shape:
        return f"the shape is {f.shape}, expected {e.shape}"
    kinds = KINDS.get(f.dtype.kind, str(f.dtype)), KINDS.get(e.dtype.kind, str(e.dtype))
    if kinds[0] != kinds[1]:
        return f"the array holds {kinds[0]} ({f.dtype}), expected {kinds[1]} ({e.dtype})"
    if exact_dtype and found.dtype != expected.dtype:
        return f"the dtype is {found.dtype}, expected {expected.dtype}"
    wrong = ~_close(f, e, tolerance)
    if not wrong.any():
        return None
    at = tuple(int(i) for i in np.argwhere(wrong)[0])
    place = f"at {list(at)}" if at else "there"
    if np.isnan(f[at]) and not np.isnan(e[at]):
        return f"NaN (not a number) {place}, expected {show(e[at])}"
    return (
        f"{wrong.sum()} of {wrong.size} values differ, first {place}: {show(f[at])}, expected {show(e[at])}"
    )


def _close(found: np.ndarray, expected: np.ndarray, tolerance: float) -> np.ndarray:
    """Return where two arrays are equal within the tolerance; whole numbers must be equal exactly."""
    if expected.dtype.kind not in "fc":
        return np.asarray(found == expected)
    return np.asarray(np.isclose(found, expected, rtol=tolerance, atol=tolerance, equal_nan=True))


def _sequences(found: Any, expected: Any, tolerance: float, exact_dtype: bool) -> str | None:
    """Compare two lists or two tuples, element by element, then by length."""
    for i, (f, e) in enumerate(zip(found, expected, strict=False)):
        if told := difference(f, e, tolerance, exact_dtype):
            return f"at [{i}]: {told}"
    if len(found) != len(expected):
        return f"the length is {len(found)}, expected {len(expected)}"
    return None


def _keys(found: Any, expected: Any, word: str) -> str | None:
    """Compare two sets."""
    if missing := [key for key in expected if key not in found]:
        return f"the {word} {show(missing[0])} is missing"
    if extra := [key for key in found if key not in expected]:
        return f"the {word} {show(extra[0])} should not be there"
    return None


def _items(
    found: dict[Any, Any], expected: dict[Any, Any], tolerance: float, exact_dtype: bool
) -> str | None:
    """Compare the values of two dicts of equal keys."""
    for key, value in expected.items():
        if told := difference(found[key], value, tolerance, exact_dtype):
            return f"at [{show(key)}]: {told}"
    return None


def _texts(found: Any, expected: Any) -> str | None:
    """Compare two strings, or two byte strings."""
    if found == expected:
        return None
    same = next((i for i, (f, e) in enumerate(zip(found, expected, strict=False)) if f != e), None)
    if same is None:
        return f"the length is {len(found)}, expected {len(expected)}"
    return f"differs from position {same} on: {show(found[same:])}, expected {show(expected[same:])}"


def _flat(value: Any) -> np.ndarray | None:
    """Return the floats of a result in a row, or None if it is not made of floats alone."""
    if not (_is_number(value) or isinstance(value, np.ndarray) or is_tensor(value)):
        return None
    array = to_numpy(value)
    return array.ravel().astype(np.float64) if array.dtype.kind == "f" else None


def _transposed(found: Any, expected: Any) -> bool:
    """Say whether one matrix is the other's transpose and they are not equal."""
    if not all(isinstance(x, np.ndarray) or is_tensor(x) for x in (found, expected)):
        return False
    f, e = to_numpy(found), to_numpy(expected)
    if f.ndim != 2 or f.shape != e.T.shape or f.dtype.kind not in "fiu":
        return False
    return bool(_close(f, e.T, 1e-5).all()) and not (f.shape == e.shape and _close(f, e, 1e-5).all())
