"""Number formats by the names that safetensors and GGUF give them, and casts between floats without torch.

NumPy has no bfloat16: an array of BF16 holds its bits as 16-bit whole numbers::

    F32    s eeeeeeee mmmmmmmmmmmmmmmmmmmmmmm      8 bits of exponent, 23 of fraction
    BF16   s eeeeeeee mmmmmmm                      the upper half of a float32
    F16    s eeeee mmmmmmmmmm                      5 bits of exponent, 10 of fraction
"""

from __future__ import annotations

from typing import Any

import numpy as np

NUMPY: dict[str, str] = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2",
    "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "|u1", "BOOL": "|b1",
}  # fmt: skip
"""What an array of each format is in NumPy."""
FLOATS = {"F64": "float64", "F32": "float32", "BF16": "bfloat16", "F16": "float16"}
"""The formats that weights may have, and torch's names of them."""

Array = np.ndarray[Any, np.dtype[Any]]


def size_of(dtype: str) -> int:
    """Return the bytes of one number.

    Examples
    --------
    >>> size_of("BF16")
    2
    """
    return np.dtype(NUMPY[dtype]).itemsize


def cast(array: Array, given: str, wanted: str) -> Array:
    """Return floats in another format, rounded to the nearest; by way of float32 into BF16.

    Parameters
    ----------
    array : array
        Numbers in the format `given`.
    given, wanted : str
        Among `FLOATS`.

    Returns
    -------
    array of the same shape
        The array itself, where nothing is to be done.

    Raises
    ------
    ValueError
        If a finite number becomes infinite.

    Examples
    --------
    >>> cast(np.array([1.0, 3.14159], np.float32), "F32", "BF16")
    array([16256, 16457], dtype=uint16)
    >>> cast(_, "BF16", "F32")
    array([1.      , 3.140625], dtype=float32)
    """
    if given == wanted:
        return array
    with np.errstate(over="ignore", invalid="ignore"):
        wide = _widened(array) if given == "BF16" else array
        out = _narrowed(wide.astype(np.float32)) if wanted == "BF16" else wide.astype(NUMPY[wanted])
    if size_of(wanted) <= size_of(given) and bool((is_finite(array, given) & ~is_finite(out, wanted)).any()):
        raise ValueError(f"a weight is too large for {FLOATS[wanted]}: choose another dtype")
    return out


def is_finite(array: Array, dtype: str) -> Array:
    """Tell which numbers are neither infinite nor NaN.

    Examples
    --------
    >>> is_finite(np.array([0x3F80, 0x7F80], np.uint16), "BF16")
    array([ True, False])
    """
    return (array & 0x7F80) != 0x7F80 if dtype == "BF16" else np.isfinite(array)


def _widened(bits: Array) -> Array:
    """BF16 to float32: the lower half is zero."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def _narrowed(array: Array) -> Array:
    """Float32 to BF16: ties go to the even neighbour, and a NaN stays one."""
    bits = np.ascontiguousarray(array).view(np.uint32)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    return np.where(np.isnan(array), (bits >> 16) | 0x40, rounded).astype(np.uint16)
