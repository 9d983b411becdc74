"""A meter of what kernels move: bytes read and written, strays, and races, counted in Triton's interpreter.

    with measured() as meter:
        ops.rms_norm(x, weight, 1e-5)
    meter["rms_norm_forward"].read      # bytes that its loads asked for, masked lanes left out

A kernel that computes little takes as long as its bytes take to move, and those can be counted without a
GPU: the interpreter sees the address of every lane of every load and store. Two figures a direction are
kept. `read` counts a byte each time that a program asks for it; `read_once` counts it once a launch. Their
difference is what programs share (a norm's weight, which caches serve) or what a kernel reads twice (which is
a fault).

The same addresses tell three faults that values may hide. A *stray* lies outside of every argument, and stops
the kernel. A *race*: two programs of a launch write one address, or one reads what another writes, so that
the result hangs on their order. Atomic operations are counted, and race only with plain ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

Addresses = NDArray[np.uint64]


@dataclass
class Traffic:
    """What the launches of one kernel moved, in bytes."""

    launches: int = 0
    programs: int = 0
    read: int = 0
    written: int = 0
    read_once: int = 0
    written_once: int = 0

    @property
    def moved(self) -> int:
        """Bytes read and written, each as often as a program asked for it."""
        return self.read + self.written

    @property
    def moved_once(self) -> int:
        """Bytes read and written, each counted once a launch: the least that memory moves."""
        return self.read_once + self.written_once


@dataclass
class Meter:
    """The traffic of each kernel by its name, and every race in words."""

    kernels: dict[str, Traffic] = field(default_factory=dict)
    races: list[str] = field(default_factory=list)

    def __getitem__(self, kernel: str) -> Traffic:
        if kernel not in self.kernels:
            raise KeyError(f"no kernel {kernel!r} was launched: {', '.join(self.kernels) or 'none was'}")
        return self.kernels[kernel]

    @property
    def total(self) -> Traffic:
        """The sum over all kernels."""
        names = Traffic.__dataclass_fields__
        return Traffic(*(sum(getattr(t, name) for t in self.kernels.values()) for name in names))


@contextmanager
def measured() -> Iterator[Meter]:
    """Count what interpreted kernels read and write inside the ``with`` block.

    Raises
    ------
    ValueError
        If Triton's kernels are not interpreted in this process.
    triton.runtime.errors.InterpreterError
        Inside the block, from a launch that reads or writes outside of its arguments.
    """
    from .triton.interpreter import interpreted

    if not interpreted():
        raise ValueError("kernels are not interpreted: kernels.use('triton-interpret') first")
    from triton.runtime import interpreter as its

    meter = Meter()
    running: list[_Launch] = []
    run, builder = its.GridExecutor.__call__, its.interpreter_builder
    load, store, atomic = builder.create_masked_load, builder.create_masked_store, builder.create_atomic_rmw

    def launch(self: Any, *arguments: Any, **options: Any) -> None:
        running.append(_Launch(self.fn.__name__, [*arguments, *options.values()]))
        try:
            run(self, *arguments, **options)
        finally:
            last = running.pop()
        last.add_to(meter, int(np.prod(builder.grid_dim)))

    def counted_load(pointers: Any, mask: Any, *rest: Any) -> Any:
        running[-1].note("read", pointers, mask, builder.grid_idx)
        return load(pointers, mask, *rest)

    def counted_store(pointers: Any, value: Any, mask: Any, *rest: Any) -> Any:
        running[-1].note("written", pointers, mask, builder.grid_idx)
        return store(pointers, value, mask, *rest)

    def counted_atomic(kind: Any, pointers: Any, value: Any, mask: Any, *rest: Any) -> Any:
        running[-1].note("updated", pointers, mask, builder.grid_idx)
        return atomic(kind, pointers, value, mask, *rest)

    its.GridExecutor.__call__ = launch
    builder.create_masked_load, builder.create_masked_store = counted_load, counted_store
    builder.create_atomic_rmw = counted_atomic
    try:
        yield meter
    finally:
        its.GridExecutor.__call__ = run
        builder.create_masked_load, builder.create_masked_store = load, store
        builder.create_atomic_rmw = atomic


class _Launch:
    """The addresses that one launch has touched, by direction and program."""

    def __init__(self, kernel: str, arguments: list[Any]) -> None:
        self.kernel = kernel
        tensors = [a for a in arguments if isinstance(a, torch.Tensor) and a.numel()]
        self.extents = np.array([_extent(t) for t in tensors], dtype=np.uint64).reshape(-1, 2)
        self.touched: dict[str, list[tuple[tuple[int, ...], int, Addresses]]] = {
            "read": [], "written": [], "updated": []
        }  # fmt: skip

    def note(self, direction: str, pointers: Any, mask: Any, program: tuple[int, ...]) -> None:
        """Keep the addresses of the lanes that `mask` lets through, and refuse strays."""
        lanes = np.broadcast_to(mask.data, pointers.data.shape)
        addresses = pointers.data[lanes]
        if not addresses.size:
            return
        size = max(1, pointers.get_element_ty().primitive_bitwidth // 8)
        first, last = addresses.min(), addresses.max()
        if not ((self.extents[:, 0] <= first) & (last + np.uint64(size) <= self.extents[:, 1])).any():
            start, end = self.extents[:, :1], self.extents[:, 1:]
            inside = ((start <= addresses) & (addresses + np.uint64(size) <= end)).any(0)
            if not inside.all():
                raise IndexError(
                    f"program {program} of {self.kernel}: {(~inside).sum()} of {inside.size} lanes"
                    f" {direction} outside of every argument"
                )
        self.touched[direction].append((program, size, addresses))

    def add_to(self, meter: Meter, programs: int) -> None:
        """Add this launch's bytes to its kernel's, and its races to the meter's."""
        traffic = meter.kernels.setdefault(self.kernel, Traffic())
        traffic.launches += 1
        traffic.programs += programs
        asked = {name: sum(size * a.size for _, size, a in parts) for name, parts in self.touched.items()}
        once = {name: _once([(size, a) for _, size, a in parts]) for name, parts in self.touched.items()}
        traffic.read += asked["read"] + asked["updated"]
        traffic.written += asked["written"] + asked["updated"]
        traffic.read_once += once["read"] + once["updated"]
        traffic.written_once += once["written"] + once["updated"]
        meter.races += [f"{self.kernel}: {race}" for race in self._races()]

    def _races(self) -> list[str]:
        """Return each kind of conflict between two programs, in words."""
        kinds = (
            ("written by two programs", ("written",), ("written",)),
            ("written by one program and read by another", ("written", "updated"), ("read",)),
            ("written by one program and updated by another", ("written",), ("updated",)),
        )
        found = []
        for words, left, right in kinds:
            sets = [self._by_program(names) for names in (left, right)]
            shared = _conflicts(*sets)
            if shared:
                found.append(f"{shared} addresses are {words}")
        return found

    def _by_program(self, directions: tuple[str, ...]) -> tuple[Addresses, NDArray[np.int64]]:
        """Return pairs of addresses and program numbers, each pair once."""
        parts = [part for name in directions for part in self.touched[name]]
        numbers: dict[tuple[int, ...], int] = {}
        for name in ("read", "written", "updated"):
            for program, _, _ in self.touched[name]:
                numbers.setdefault(program, len(numbers))
        if not parts:
            return np.empty(0, np.uint64), np.empty(0, np.int64)
        addresses = np.concatenate([a for _, _, a in parts])
        programs = np.concatenate([np.full(a.size, numbers[p]) for p, _, a in parts])
        order = np.lexsort((programs, addresses))
        addresses, programs = addresses[order], programs[order]
        new = np.ones(addresses.size, dtype=bool)
        new[1:] = (addresses[1:] != addresses[:-1]) | (programs[1:] != programs[:-1])
        return addresses[new], programs[new]


def _conflicts(left: tuple[Addresses, NDArray[np.int64]], right: tuple[Addresses, NDArray[np.int64]]) -> int:
    """Return how many addresses of `left` one program has and another has in `right`."""
    shared = np.intersect1d(left[0], right[0])
    if not shared.size:
        return 0
    who = []
    for addresses, programs in (left, right):
        kept = np.isin(addresses, shared)
        where = np.searchsorted(shared, addresses[kept])
        low, high = np.full(shared.size, np.iinfo(np.int64).max), np.full(shared.size, -1)
        np.minimum.at(low, where, programs[kept])
        np.maximum.at(high, where, programs[kept])
        who.append((low, high))
    (a_low, a_high), (b_low, b_high) = who
    return int(((a_low != b_high) | (a_high != b_low)).sum())


def _once(parts: list[tuple[int, Addresses]]) -> int:
    """Return the bytes of all addresses, each counted once."""
    sizes = {size for size, _ in parts}
    return sum(size * np.unique(np.concatenate([a for s, a in parts if s == size])).size for size in sizes)


def _extent(tensor: torch.Tensor) -> tuple[int, int]:
    """Return the addresses of the first byte of `tensor` and of the first one after it."""
    elements = 1 + sum((n - 1) * stride for n, stride in zip(tensor.shape, tensor.stride(), strict=True))
    return tensor.data_ptr(), tensor.data_ptr() + elements * tensor.element_size()
