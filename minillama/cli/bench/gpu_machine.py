"""The machine below `bench gpu`: its clock, its memory, its name, and what is installed on it."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from .gpu_operations import Timed

FLUSH = 2**28  # bytes written between timed calls: several times a GPU's cache
PACKAGES = ("torch", "triton", "liger-kernel", "transformers")


def name(device: torch.device) -> str:
    """Return the name of the device."""
    if device.type == "cpu":
        return platform.processor() or platform.machine()
    return torch.cuda.get_device_name(device)


def clock(device: torch.device) -> Callable[[Timed, int], float]:
    """Return what measures the mean seconds of a call, over so many calls.

    On a GPU by its own events, with its cache overwritten before each call: inputs come from memory.
    """

    def on_cpu(timed: Timed, calls: int) -> float:
        total = 0.0
        for _ in range(calls):
            given = timed.prepare()
            start = time.perf_counter()
            timed.work(given)
            total += time.perf_counter() - start
        return total / calls

    if device.type == "cpu":
        return on_cpu
    flush = torch.empty(FLUSH, dtype=torch.int8, device=device)

    def on_gpu(timed: Timed, calls: int) -> float:
        events = []
        for _ in range(calls):
            given = timed.prepare()
            flush.zero_()
            pair = [torch.cuda.Event(enable_timing=True) for _ in range(2)]
            pair[0].record()
            timed.work(given)
            pair[1].record()
            events.append(pair)
        torch.cuda.synchronize(device)
        return sum(begin.elapsed_time(end) for begin, end in events) / 1000 / calls  # from milliseconds

    return on_gpu


def wait(device: torch.device) -> None:
    """Wait until the device has done what was started."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def begin_peak(device: torch.device) -> int:
    """Forget the peak of memory so far; return the bytes in use."""
    if device.type == "cpu":
        return 0
    torch.cuda.reset_peak_memory_stats(device)
    return torch.cuda.memory_allocated(device)


def memory(device: torch.device) -> int:
    """Return the bytes of memory that the device has."""
    if device.type == "cpu":
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return torch.cuda.get_device_properties(device).total_memory


def commit() -> str:
    """Return the commit of the repository that this file lies in, if it lies in one."""

    def git(*words: str) -> str:
        folder = Path(__file__).parent
        return subprocess.run(
            ["git", *words], cwd=folder, capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("-dirty" if git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def versions() -> dict[str, str]:
    """Return the versions of what the figures depend on."""
    found = {"python": platform.python_version(), "cuda": str(torch.version.cuda)}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
