"""Triton's interpreter, switched on and made trustworthy: kernels run program by program, on CPU tensors.

Triton 3.9 can run a kernel as Python over NumPy blocks. Two things stand in the way of believing it.

*When.* ``@triton.jit`` decides at a kernel's definition, by ``TRITON_INTERPRET``. `torch._dynamo` imports
triton at the first custom operator, so in a process that began with other backends Triton's own library
(`tl.sum`, `tl.cdiv`, ...) is compiled code already. `enable` turns what was defined before into interpreted
functions, each in its place, so that every name for it follows.

*bfloat16.* NumPy has none, and the stock interpreter computes with its bits: `bfloat16` repairs that.

What the interpreter cannot show: floats of 19 bits (TF32) in `tl.dot`, the order of threads, speed.
"""

from __future__ import annotations

import gc
import inspect
import os
from functools import partial
from typing import Any

_enabled = False


def enable() -> None:
    """Interpret every kernel of this process from here on, those that were defined before included."""
    global _enabled
    os.environ["TRITON_INTERPRET"] = "1"
    if not _enabled:
        _switch()
        from .bfloat16 import repair

        repair()
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
            function.rewriter = FunctionRewriter(inspect.unwrap(function.fn))
