"""Triton's interpreter, switched on and made trustworthy: kernels run program by program, on CPU tensors.

Triton 3.9 can run a kernel as Python over NumPy blocks. Two things stand in the way of believing it.

*When.* ``@triton.jit`` decides at a kernel's definition, by ``TRITON_INTERPRET``. `torch._dynamo` imports
triton at the first custom operator, so in a process that began with other backends Triton's own library
(`tl.sum`, `tl.cdiv`, ...) is compiled code already. `enable` turns what was defined before into interpreted
functions, each in its place, so that every name for it follows.

*bfloat16.* NumPy has none; the interpreter keeps its bits as uint16 and computes with those:

    cast to bf16              cuts off           ->  here: rounds to nearest, ties to even, as GPUs do
    cast of ints, float64     casts the bits     ->  here: by way of float32
    tl.dot of bf16            multiplies bits    ->  here: multiplies the values, sums in float32, as GPUs do
    a + b, exp(a), tl.sum(a)  computes on bits   ->  here: an error. ``.to(tl.float32)`` where one loads

What the interpreter cannot show: floats of 19 bits (TF32) in `tl.dot`, the order of threads, speed.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

_enabled = False


def enable() -> None:
    """Interpret every kernel of this process from here on, those that were defined before included."""
    global _enabled
    os.environ["TRITON_INTERPRET"] = "1"
    if not _enabled:
        _switch()
        _repair()
        _enabled = True


def interpreted() -> bool:
    """Return whether kernels are interpreted: there, few large tiles cost least."""
    return _enabled


def _switch() -> None:
    """Turn compiled functions that exist into interpreted ones, in place."""
    from triton.runtime.interpreter import FunctionRewriter, InterpretedFunction
    from triton.runtime.jit import JITFunction

    class Switched(JITFunction):
        rewritten_fn = InterpretedFunction.rewritten_fn
        rewrite = InterpretedFunction.rewrite
        run = InterpretedFunction.run
        __call__ = InterpretedFunction.__call__

        def __get__(self, tensor: Any, owner: Any = None) -> Any:  # tl.sum is a method of tl.tensor too
            return self if tensor is None else partial(self.__call__, tensor)

    for function in gc.get_objects():
        if type(function) is JITFunction:
            function.__class__ = Switched
            function.rewriter = FunctionRewriter(function.fn)


def _repair() -> None:
    """Make bfloat16 exact where the interpreter can, and an error where it cannot."""
    import triton.language as tl
    from triton.runtime import interpreter as its

    builder, handle = its.InterpreterBuilder, its.TensorHandle
    stock_cast, stock_dot, stock_ternary = builder.cast_impl, builder.create_dot, builder.ternary_op

    def cast(self: Any, source: Any, target: Any) -> Any:
        before, after = source.dtype.scalar, target.scalar
        if before == tl.bfloat16 and after != tl.bfloat16:
            source = handle(widened(source.data), tl.float32)
        elif after == tl.bfloat16 and before != tl.bfloat16:
            return handle(narrowed(source.data.astype(np.float32)), tl.bfloat16)
        return stock_cast(self, source, target)

    def cast_rounding(self: Any, source: Any, target: Any, mode: Any) -> Any:
        types = (source.dtype.scalar, target.scalar)
        if tl.bfloat16 in types and all(t.primitive_bitwidth >= 16 for t in types):
            return cast(self, source, target)
        return stock_cast_rounding(self, source, target, mode)

    def dot(self: Any, a: Any, b: Any, *rest: Any) -> Any:
        a, b = (handle(widened(x.data), tl.float32) if x.dtype.scalar == tl.bfloat16 else x for x in (a, b))
        return stock_dot(self, a, b, *rest)

    def ternary(self: Any, a: Any, b: Any, c: Any, op: Callable[..., Any]) -> Any:
        if op is not np.where:
            refuse(op, a, b, c)
        return stock_ternary(self, a, b, c, op)

    def refusing(stock: Callable[..., Any], what: Any = None) -> Callable[..., Any]:
        def checked(self: Any, *arguments: Any, **options: Any) -> Any:
            op = what or next((a for a in arguments if callable(a)), stock)
            refuse(op, *arguments)
            return stock(self, *arguments, **options)

        return checked

    def refuse(op: Any, *arguments: Any) -> None:
        for value in arguments:
            if getattr(getattr(value, "dtype", None), "scalar", None) == tl.bfloat16:
                name = getattr(op, "__name__", op)
                raise TypeError(
                    f"{name} of bfloat16: the interpreter has its bits only; .to(tl.float32) where you load"
                )

    stock_cast_rounding = builder.create_fp_to_fp
    builder.cast_impl, builder.create_fp_to_fp, builder.create_dot = cast, cast_rounding, dot
    builder.ternary_op = ternary
    for name in ("binary_op", "unary_op", "create_fma", "create_rsqrt", "create_erf", "create_atomic_rmw"):
        setattr(builder, name, refusing(getattr(builder, name)))
    for interface, names in ((its.ReduceOps, ("sum", "min_max")), (its.ScanOps, ("cumsum", "cumprod"))):
        for name in names:
            setattr(interface, name, refusing(getattr(interface, name), f"tl.{name}"))


def widened(bits: np.ndarray[Any, np.dtype[np.uint16]]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return the float32 values of bfloat16 `bits`: the upper halves of theirs.

    Examples
    --------
    >>> widened(np.array([0x3F80, 0xC000], dtype=np.uint16)).tolist()
    [1.0, -2.0]
    """
    return (bits.astype(np.uint32) << np.uint32(16)).view(np.float32)


def narrowed(values: np.ndarray[Any, np.dtype[np.float32]]) -> np.ndarray[Any, np.dtype[np.uint16]]:
    """Return the bits of the bfloat16 nearest to each of `values`, of two equally near the even one.

    Examples
    --------
    >>> [hex(b) for b in narrowed(np.array([1.0, 1 + 2**-8, 1 + 3 * 2**-8], dtype=np.float32))]
    ['0x3f80', '0x3f80', '0x3f82']
    """
    bits = np.ascontiguousarray(values).view(np.uint32)
    nearest = (bits + ((bits >> np.uint32(16)) & np.uint32(1)) + np.uint32(0x7FFF)) >> np.uint32(16)
    quiet_nan = (bits >> np.uint32(16)) | np.uint32(0x40)  # rounding could carry a NaN's bits into infinity
    return np.where(np.isnan(values), quiet_nan, nearest).astype(np.uint16)
