"""Values as a reader is shown them: short, and as one would type them."""

from __future__ import annotations

from typing import Any

import numpy as np

LONGEST = 600  # characters of one value
WIDTH = 76  # columns an array may take


def is_tensor(value: Any) -> bool:
    """Say whether `value` is a torch tensor, without importing torch."""
    return any(base.__module__ == "torch" and base.__name__ == "Tensor" for base in type(value).__mro__)


def to_numpy(value: Any) -> np.ndarray:
    """Return an array or a torch tensor as an array."""
    if not is_tensor(value):
        return np.asarray(value)
    tensor = value.detach().cpu()
    half = tensor.is_floating_point() and tensor.dtype.itemsize == 2  # NumPy knows no bfloat16
    return np.asarray((tensor.float() if half else tensor).numpy())


def show(value: Any) -> str:
    """Return a value as text.

    Examples
    --------
    >>> show(np.float64(1 / 3)), show(2.0)
    ('0.333333', '2.0')
    >>> show(np.array([0.5, 1e-7]))
    'array([5.e-01, 1.e-07])'
    """
    if isinstance(value, float | np.floating):
        short = f"{float(value):.6g}"
        return f"{short}.0" if short.lstrip("-").isdigit() else short
    if isinstance(value, np.generic):
        return repr(value.item())
    if isinstance(value, np.ndarray):
        return _array("array", value, value.dtype, ("float64", "int64", "bool"))
    if is_tensor(value):
        return _array("tensor", to_numpy(value), value.dtype, ("torch.float32", "torch.int64", "torch.bool"))
    text = _plain(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 40]} ... ({len(text):,} characters)"


def describe(value: Any) -> str:
    """Return what kind of thing a value is.

    Examples
    --------
    >>> describe(np.zeros((2, 3)))
    'a NumPy array of shape (2, 3)'
    >>> describe([1, 2])
    'a list of length 2'
    """
    if value is None:
        return "None"
    if isinstance(value, np.ndarray):
        return f"a NumPy array of shape {value.shape}"
    if is_tensor(value):
        return f"a torch tensor of shape {tuple(value.shape)}"
    if isinstance(value, bool | int | float | complex | np.generic):
        plain = value.item() if isinstance(value, np.generic) else value
        return f"the {type(plain).__name__} {show(value)}"
    if isinstance(value, list | tuple | dict | set | frozenset | str | bytes):
        return f"a {type(value).__name__} of length {len(value)}"
    name = type(value).__name__
    return f"{'an' if name[:1] in 'aeiouAEIOU' else 'a'} {name}"


_BRACKETS: dict[type, str] = {list: "[{}]", tuple: "({})", set: "{{{}}}"}
_STYLE: dict[str, Any] = {"precision": 6, "max_line_width": WIDTH, "threshold": 60, "edgeitems": 3}


def _array(name: str, value: np.ndarray, dtype: object, usual: tuple[str, ...]) -> str:
    """Return an array as text, with its dtype if one would have to type it, and its shape if it is cut."""
    inside = np.array2string(value, separator=", ", prefix=f"{name}(", **_STYLE)
    kind = "" if str(dtype) in usual else f", dtype={dtype}"
    cut = f", shape {value.shape}" if value.size > _STYLE["threshold"] else ""
    return f"{name}({inside}{kind}){cut}"


def _plain(value: Any) -> str:
    """Return the text of a container with its numbers shortened, or the value's own."""
    if value and type(value) in _BRACKETS:
        inside = ", ".join(show(x) for x in list(value)[:60]) + (", ..." if len(value) > 60 else "")
        return _BRACKETS[type(value)].format(
            inside + ("," if type(value) is tuple and len(value) == 1 else "")
        )
    if type(value) is dict:
        inside = ", ".join(f"{show(k)}: {show(v)}" for k, v in list(value.items())[:30])
        return f"{{{inside}{', ...' if len(value) > 30 else ''}}}"
    try:
        return repr(value)
    except Exception as error:
        return f"<{type(value).__name__}, whose repr raises {type(error).__name__}>"
