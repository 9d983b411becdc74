"""What is asked of every fused operation, whichever backend computes it.

    prove("swiglu", backend, [draw(5, 123, dtype=dtype), draw(5, 123, dtype=dtype, seed=1)])

runs the operation forward and backward in its dtype, the eager one in the same dtype, and the eager one in
float64 on the same inputs, and asserts on each output and each gradient:

    max |found - exact| / max |exact|  <=  2 x the eager version's own error + FLOOR, and <= BACKSTOP

Eager's error is rounding that the dtype forces on everybody; twice it leaves room for another order of sums.
The floor, for where eager happens to be exact: one rounding of the result in 16 bits; in 32, what sums of
some hundreds of terms lose, added one after the other; in 64 twice as much for its size, since there what is
called exact lost the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from minillama import kernels
from minillama.kernels import eager, ops

BACKENDS = ("triton-interpret", "cpp")
WITH_ATTENTION = ("triton-interpret",)  # C's has tests of its own, and no pages
DTYPES = (torch.float32, torch.float16, torch.bfloat16)
BACKSTOP = {torch.float64: 1e-13, torch.float32: 2e-6, torch.float16: 2e-3, torch.bfloat16: 8e-3}
FLOOR = {torch.float64: 2e-15, torch.float32: 5e-7, torch.float16: 5e-4, torch.bfloat16: 4e-3}


def draw(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0, scale: float = 1.0) -> Tensor:
    """Return normal numbers, the same for every dtype but for its rounding."""
    generator = torch.Generator().manual_seed(seed)
    return (torch.randn(shape, dtype=torch.float64, generator=generator) * scale).to(dtype)


def spread(x: Tensor, canary: float = float("nan")) -> Tensor:
    """Return `x` in rows with gaps between, the gaps full of NaN: a read outside of a row would show."""
    wide = x.new_full((*x.shape[:-1], x.shape[-1] + 7), canary)
    wide[..., 3 : 3 + x.shape[-1]] = x
    return wide[..., 3 : 3 + x.shape[-1]]


def operation(name: str, backend: str) -> Callable[..., Any]:
    """Return an operation of `backend`, which must be able to run here; the choice of others is kept."""
    before = kernels.chosen()
    kernels.use(backend)
    try:
        found: Callable[..., Any] = getattr(ops, name)
    finally:
        kernels.use(before)
    assert found is not getattr(eager, name), f"{backend} has no {name} of its own"
    return found


def prove(
    name: str,
    backend: str,
    arguments: Sequence[Any],
    grad: Sequence[int] | None = None,
    exact: Sequence[Any] | None = None,
    through: torch.dtype | None = None,
) -> None:
    """Assert values and gradients of an operation against float64, and that it leaves its inputs alone.

    Parameters
    ----------
    name, backend
        Which operation.
    arguments
        Its arguments in order; tensors in the layout that is to be tried.
    grad
        Positions of the arguments to differentiate by; by default every float tensor's. () for none.
    exact
        The arguments of the float64 run, by default `arguments` widened: for tables made in a lower dtype.
    through
        What the result was computed from, where that is a lower dtype than its own: logits in 16 bits.
    """
    if grad is None:
        grad = [i for i, a in enumerate(arguments) if isinstance(a, Tensor) and a.is_floating_point()]
    kept = [(a.clone(), a._version) if isinstance(a, Tensor) else None for a in arguments]
    wide = [a.double() if isinstance(a, Tensor) and a.is_floating_point() else a for a in exact or arguments]
    cotangents: list[Tensor] = []  # drawn in the first run, in its dtypes, and widened in the third
    found = _run(operation(name, backend), arguments, grad, cotangents)
    plain = _run(getattr(eager, name), arguments, grad, cotangents)
    truth = _run(getattr(eager, name), wide, grad, cotangents)
    for what in truth:
        agree(found[what], truth[what], plain[what], f"{backend} {name}: {what}", through)
    for index, (argument, copy) in enumerate(zip(arguments, kept, strict=True)):
        if copy is not None:
            changed = f"{backend} {name} changed its argument {index}"
            assert torch.equal(bits(argument), bits(copy[0])), changed
            assert argument._version == copy[1], changed


def agree(found: Tensor, exact: Tensor, plain: Tensor, what: str, through: torch.dtype | None = None) -> None:
    """Assert that `found` is as near to `exact` as its dtype (or `through`) and the `plain` version allow."""
    assert (found.shape, found.dtype) == (plain.shape, plain.dtype), what
    largest = exact.abs().max().item()
    if largest == 0.0:
        assert found.abs().max().item() == 0.0, what
        return
    error, usual = (((x.double() - exact).abs().max() / largest).item() for x in (found, plain))
    allowed = min(2 * usual + FLOOR[found.dtype], BACKSTOP[through or found.dtype])
    assert error <= allowed, f"{what}: error {error:.2e}, allowed {allowed:.2e}, eager has {usual:.2e}"


def bits(x: Tensor) -> Tensor:
    """Return the bits of `x` as integers, so that NaN equals NaN."""
    return x.contiguous().view({1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}[x.itemsize])


def opcheck(name: str, backend: str, arguments: Sequence[Any]) -> None:
    """Assert schema, fake, autograd registration and tracing of ``minillama::<backend>_<name>``."""
    operation(name, backend)  # which makes it
    operator = getattr(torch.ops.minillama, f"{backend.replace('-', '_')}_{name}")
    torch.library.opcheck(operator, tuple(arguments))


@contextmanager
def canaries(pad: int = 64) -> Iterator[None]:
    """Give out every new buffer full of NaN (or the largest integer), between guards that must survive.

    Stores outside of an output then change a guard, and what is never stored stays NaN. Only for buffers
    that raw functions ask for by `torch.empty`, `torch.empty_like`, `torch.Tensor.new_empty`.
    """
    guarded: list[tuple[Tensor, Tensor]] = []
    stock = torch.empty, torch.empty_like, torch.Tensor.new_empty

    def guard(plain: Tensor) -> Tensor:
        if plain.device.type == "meta" or not plain.numel():
            return plain
        inner = 1 + sum((n - 1) * s for n, s in zip(plain.shape, plain.stride(), strict=True))
        fill = float("nan") if plain.is_floating_point() else torch.iinfo(plain.dtype).max
        buffer = torch.full((inner + 2 * pad,), fill, dtype=plain.dtype)
        guarded.append((buffer, bits(buffer)))
        return buffer.as_strided(plain.shape, plain.stride(), pad)

    def wrapped(make: Callable[..., Tensor]) -> Callable[..., Tensor]:
        return lambda *args, **kwargs: guard(make(*args, **kwargs))

    torch.empty, torch.empty_like = wrapped(stock[0]), wrapped(stock[1])  # type: ignore[assignment]
    torch.Tensor.new_empty = wrapped(stock[2])  # type: ignore[method-assign]
    try:
        yield
    finally:
        torch.empty, torch.empty_like, torch.Tensor.new_empty = stock  # type: ignore[method-assign]
    assert guarded, "no buffer was asked for: nothing was guarded"
    for buffer, before in guarded:
        now = bits(buffer)
        for side in (slice(None, pad), slice(-pad, None)):
            assert torch.equal(now[side], before[side]), "a store went outside of its tensor"


@contextmanager
def strict() -> Iterator[None]:
    """Give masked lanes of interpreted loads NaN where the kernel names no `other`; GPUs give anything."""
    import numpy as np
    from triton.runtime import interpreter as its

    builder = its.interpreter_builder
    load = builder.create_masked_load

    def poisoned(pointers: Any, mask: Any, other: Any, *rest: Any) -> Any:
        kind = pointers.get_element_ty()
        if other is None and kind.is_floating():
            dtype = its._get_np_dtype(kind)
            nan = np.full(pointers.data.shape, 0x7FC0 if dtype == np.uint16 else np.nan, dtype=dtype)
            other = its.TensorHandle(nan, kind)
        return load(pointers, mask, other, *rest)

    builder.create_masked_load = poisoned
    try:
        yield
    finally:
        builder.create_masked_load = load


def _run(
    function: Callable[..., Any], arguments: Sequence[Any], grad: Sequence[int], cotangents: list[Tensor]
) -> dict[str, Tensor]:
    """Return outputs and, for the cotangents of the first run, gradients; backward runs twice."""
    leaves = [
        a.detach().requires_grad_(i in grad) if isinstance(a, Tensor) else a for i, a in enumerate(arguments)
    ]
    outputs = function(*leaves)
    if isinstance(outputs, Tensor):
        outputs = (outputs,)
    results = {f"output {i}": y.detach() for i, y in enumerate(outputs)}
    if not grad:
        return results
    ways = [y for y in outputs if y.requires_grad]
    if not cotangents:
        cotangents += [draw(*y.shape, dtype=y.dtype, seed=100 + i) for i, y in enumerate(ways)]
    inputs = [leaves[i] for i in grad]
    along = [c.to(y.dtype) for c, y in zip(cotangents, ways, strict=True)]
    first = torch.autograd.grad(ways, inputs, along, retain_graph=True)
    second = torch.autograd.grad(ways, inputs, along)
    for i, once, again in zip(grad, first, second, strict=True):
        assert torch.equal(bits(once), bits(again)), f"backward twice gave two gradients of argument {i}"
        results[f"gradient of argument {i}"] = once
    return results
