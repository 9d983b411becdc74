"""The one door through which Triton kernels are started, so that launches can be looked at.

    launch(kernel, grid, *arguments, **constants)

runs ``kernel[grid](*arguments, **constants)``. Inside `recorded()` nothing runs: the launches are collected,
with what they were given. Raw functions called there with tensors of the device "meta", which have shapes
and no data, say what would be started for these shapes. (`kernels.compiled` listens one door further in, so
as to hear another library's launches too.)
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

_recording: list[Launch] | None = None


@dataclass(frozen=True)
class Launch:
    """One start of a kernel: its programs, its arguments in order, and its compile-time constants.

    `constants` hold Triton's own options as well: ``num_warps``, ``num_stages``.
    """

    kernel: Any
    grid: tuple[int, ...]
    arguments: tuple[Any, ...]
    constants: dict[str, Any]


def launch(kernel: Any, grid: tuple[int, ...], *arguments: Any, **constants: Any) -> None:
    """Start `kernel` on `grid` programs, or note that it would be started."""
    if _recording is None:
        kernel[grid](*arguments, **constants)
    else:
        _recording.append(Launch(kernel, grid, arguments, constants))


@contextmanager
def recorded() -> Iterator[list[Launch]]:
    """Collect the launches of the ``with`` block instead of running them.

    Examples
    --------
    >>> with recorded() as launches:
    ...     launch(print, (2, 1), "x", BLOCK=16)
    >>> launches[0].grid, launches[0].constants
    ((2, 1), {'BLOCK': 16})
    """
    global _recording
    before, _recording = _recording, []
    try:
        yield _recording
    finally:
        _recording = before
