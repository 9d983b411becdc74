"""bfloat16 in Triton's interpreter: exact where NumPy can, an error where it cannot.

NumPy has no bfloat16. The interpreter keeps its bits as uint16, and as it comes computes with those:

    as it comes                                   repaired
    cast to bf16              cuts bits off       rounds to the nearest, ties to even: as GPUs do
    cast of integers, float64 casts the bits      goes by way of float32
    tl.dot of bf16            multiplies bits     multiplies the values, and sums in float32: as GPUs do
    a + b, exp(a), tl.sum(a)  computes with bits  an error: ``.to(tl.float32)`` where one loads

Moving bf16 about (`tl.load`, `tl.where`, `tl.trans`, bit casts) was right and stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import triton.language as tl
from numpy.typing import NDArray
from triton.runtime import interpreter as its


def repair() -> None:
    """Put `Builder` in the place of the interpreter's own, and stop NumPy's warnings of overflow."""
    run, check = its.GridExecutor.__call__, its.ReduceScanOpInterface.check_tensor

    def quiet(self: Any, *arguments: Any, **options: Any) -> None:
        with np.errstate(all="ignore"):  # exp(100) is infinity on GPUs too, and they say nothing
            run(self, *arguments, **options)

    def checked(self: Any, tensors: Any) -> None:
        _refuse("a reduction", *(tensor.handle for tensor in tensors))
        check(self, tensors)

    its.interpreter_builder.__class__ = Builder
    its.GridExecutor.__call__, its.ReduceScanOpInterface.check_tensor = quiet, checked


class Builder(its.InterpreterBuilder):
    """What turns each operation of a kernel into NumPy."""

    def cast_impl(self, source: Any, target: Any) -> Any:
        """Cast between any two types."""
        if tl.bfloat16 in (source.dtype.scalar, target.scalar):
            return _cast(source, target)
        return super().cast_impl(source, target)

    def create_fp_to_fp(self, source: Any, target: Any, rounding: Any) -> Any:
        """Cast between two floats."""
        types = source.dtype.scalar, target.scalar
        if tl.bfloat16 in types and min(t.primitive_bitwidth for t in types) >= 16:
            return _cast(source, target)
        return super().create_fp_to_fp(source, target, rounding)

    def create_dot(self, a: Any, b: Any, *rest: Any) -> Any:
        """Multiply two tiles of matrices."""
        return super().create_dot(_wide(a), _wide(b), *rest)

    def binary_op(self, a: Any, b: Any, op: Callable[..., Any]) -> Any:
        """Combine two tiles by `op`."""
        _refuse(op.__name__, a, b)
        return super().binary_op(a, b, op)

    def unary_op(self, a: Any, op: Callable[..., Any]) -> Any:
        """Apply `op`."""
        _refuse(op.__name__, a)
        return super().unary_op(a, op)

    def ternary_op(self, a: Any, b: Any, c: Any, op: Callable[..., Any]) -> Any:
        """Combine three tiles by `op`; choosing between bits is right."""
        if op is not np.where:
            _refuse(op.__name__, a, b, c)
        return super().ternary_op(a, b, c, op)

    def create_fma(self, a: Any, b: Any, c: Any) -> Any:
        """Return a b + c."""
        _refuse("fma", a, b, c)
        return super().create_fma(a, b, c)

    def create_rsqrt(self, a: Any) -> Any:
        """Return 1 / sqrt(a)."""
        _refuse("rsqrt", a)
        return super().create_rsqrt(a)

    def create_erf(self, a: Any) -> Any:
        """Return the error function of a."""
        _refuse("erf", a)
        return super().create_erf(a)

    def create_atomic_rmw(self, kind: Any, pointers: Any, value: Any, *rest: Any) -> Any:
        """Change memory in one step."""
        _refuse("an atomic operation", value)
        return super().create_atomic_rmw(kind, pointers, value, *rest)


def _refuse(what: str, *values: Any) -> None:
    if any(value.dtype.scalar == tl.bfloat16 for value in values):
        raise TypeError(f"{what} of bfloat16: interpreted kernels need .to(tl.float32) where they load")


def _wide(x: Any) -> Any:
    if x.dtype.scalar != tl.bfloat16:
        return x
    return its.TensorHandle(widened(x.data), tl.float32)


def _cast(source: Any, target: Any) -> Any:
    values = _wide(source).data
    if target.scalar == tl.bfloat16:
        return its.TensorHandle(narrowed(values.astype(np.float32)), tl.bfloat16)
    return its.TensorHandle(values.astype(its._get_np_dtype(target)), target.scalar)


def widened(bits: NDArray[np.uint16]) -> NDArray[np.float32]:
    """Return the float32 values of bfloat16 `bits`: the upper halves of theirs.

    Examples
    --------
    >>> widened(np.array([0x3F80, 0xC000], dtype=np.uint16)).tolist()
    [1.0, -2.0]
    """
    return (bits.astype(np.uint32) << np.uint32(16)).view(np.float32)


def narrowed(values: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Return the bits of the bfloat16 nearest to each of float32 `values`, of two as near to the even one.

    Examples
    --------
    >>> [hex(b) for b in narrowed(np.array([1.0, 1 + 2**-8, 1 + 3 * 2**-8], dtype=np.float32))]
    ['0x3f80', '0x3f80', '0x3f82']
    """
    bits = np.ascontiguousarray(values).view(np.uint32)
    nearest = (bits + ((bits >> np.uint32(16)) & np.uint32(1)) + np.uint32(0x7FFF)) >> np.uint32(16)
    quiet_nan = (bits >> np.uint32(16)) | np.uint32(0x40)  # rounding would carry some NaN into infinity
    return np.where(np.isnan(values), quiet_nan, nearest).astype(np.uint16)
