"""Checks for the fields of frozen dataclasses: who calls them gets a value that is what it says, or an error.

Each error names the field, what was given and what was expected. Left out: checks between fields, which
belong to the class that has them.
"""

from __future__ import annotations

import dataclasses
import math
import operator
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any


def known_fields(cls: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return `values` as a dictionary if every key is a field of the dataclass `cls`.

    Examples
    --------
    >>> @dataclasses.dataclass
    ... class Point:
    ...     across: int
    >>> known_fields(Point, {"acros": 1})
    Traceback (most recent call last):
        ...
    ValueError: Point has no field acros: did you mean across?
    """
    if not isinstance(values, Mapping):
        raise ValueError(f"{cls.__name__}: expected a dictionary of its fields, not {type(values).__name__}")
    names = [f.name for f in dataclasses.fields(cls)]
    for key in values:
        if key not in names:
            near = get_close_matches(str(key), names, 1)
            advice = f"did you mean {near[0]}?" if near else f"expected {', '.join(names)}"
            raise ValueError(f"{cls.__name__} has no field {key}: {advice}")
    return dict(values)


def whole_number(name: str, value: object, at_least: int) -> int:
    """Return `value` as an int (a NumPy integer will do, True will not) of at least `at_least`."""
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = None
    if number is None or number < at_least or isinstance(value, bool):
        raise ValueError(f"{name} is {value!r}: expected a whole number of at least {at_least}")
    return number


def positive_number(name: str, value: object) -> float:
    """Return `value` as a float, finite and above zero."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ValueError(f"{name} is {value!r}: expected a finite number above 0")
    return float(value)


def set_field(self: object, name: str, value: object) -> None:
    """Set a field of a frozen dataclass while it is being made."""
    object.__setattr__(self, name, value)


def set_whole_number(self: object, name: str, at_least: int) -> None:
    """Check that a field is a whole number, and keep it as an int."""
    set_field(self, name, whole_number(name, getattr(self, name), at_least))


def set_positive_number(self: object, name: str) -> None:
    """Check that a field is a finite number above zero, and keep it as a float."""
    set_field(self, name, positive_number(name, getattr(self, name)))
