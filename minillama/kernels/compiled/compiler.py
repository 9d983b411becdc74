"""Compile for a GPU that is not there, through the door that launches go through.

Triton's runtime asks its *driver* which GPU is in the machine, works out from a launch's arguments what it
may assume (dtypes, which numbers are 1 or multiples of 16), and compiles. `Absent` answers that question with
any GPU's name; everything else is the runtime's own doing, so that what is compiled here is what would run
there. The wheel of triton carries NVIDIA's assembler; AMD's is part of LLVM.

Only in a process that interprets nothing.
"""

from __future__ import annotations

import math
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import Any

import torch
from triton.backends.compiler import GPUTarget
from triton.backends.nvidia.compiler import get_ptxas, sm_arch_from_capability
from triton.runtime import driver
from triton.runtime.jit import JITFunction

from .. import triton as raw
from ..triton.launch import Launch
from . import Compiled
from .assembly import accesses
from .cases import CASES, LLAMA, Tensors
from .liger import LIGER_CASES, Liger

os.environ.setdefault("TRITON_DEFAULT_FP_FUSION", "1")  # Triton's default, named: else it warns

GPUS = {
    "sm_80": GPUTarget("cuda", 80, 32),
    "sm_90": GPUTarget("cuda", 90, 32),
    "sm_100": GPUTarget("cuda", 100, 32),
    "gfx942": GPUTarget("hip", "gfx942", 64),
}


class Absent:
    """The driver of a GPU that is not in this machine: it can be compiled for, and nothing else."""

    def __init__(self, target: str) -> None:
        self.target = target

    def get_current_target(self) -> GPUTarget:
        """Return what to compile for."""
        return GPUS[self.target]

    def get_current_device(self) -> str:
        """Return under which name Triton keeps what it has compiled."""
        return self.target

    def get_current_stream(self, device: str) -> int:
        """Return any number: nothing is started."""
        return 0


@contextmanager
def started() -> Iterator[list[Launch]]:
    """Collect the launches of the ``with`` block, of anybody's kernels, instead of running them."""
    found: list[Launch] = []
    run = JITFunction.run

    def note(self: Any, *arguments: Any, grid: Any, warmup: bool, **constants: Any) -> None:
        found.append(Launch(self, grid, arguments, constants))

    JITFunction.run = note
    try:
        yield found
    finally:
        JITFunction.run = run


def compile_case(
    name: str, dtype: str, head_dim: int, targets: Sequence[str], library: str
) -> list[Compiled]:
    """Compile every kernel that a library's operation launches on floats of one dtype, for each target."""
    tensors, sizes = Tensors("meta", getattr(torch, dtype)), replace(LLAMA, D=head_dim)
    found = []
    for target in targets:
        with started() as launches:
            if library == "liger":
                LIGER_CASES[name](Liger(target), tensors, sizes)
            else:
                CASES[name](raw, tensors, sizes)
        found += [compiled(launch, target) for launch in launches]
    return [replace(row, operation=name, dtype=dtype) for row in found]


def compiled(launch: Launch, target: str) -> Compiled:
    """Compile what a launch starts for one of `GPUS`; its tensors need no data. Names are left open."""
    driver.set_active(Absent(target))
    binary = launch.kernel.run(*launch.arguments, grid=launch.grid, warmup=True, **launch.constants)
    text = binary.asm["amdgcn" if target.startswith("gfx") else "ptx"]
    registers, spilled = _taken(text, target)
    return Compiled(
        operation="",
        kernel=launch.kernel.__name__,
        dtype="",
        target=target,
        programs=math.prod(launch.grid),
        threads=binary.metadata.num_warps * GPUS[target].warp_size,
        registers=registers,
        spilled=spilled,
        shared=binary.metadata.shared,
        accesses=tuple(accesses(text)),
    )


@cache
def _taken(text: str, target: str) -> tuple[int, int]:
    """Return registers and spills; many operations share a kernel."""
    return _amd(text) if target.startswith("gfx") else _nvidia(text, GPUS[target].arch)


def _nvidia(ptx: str, capability: int) -> tuple[int, int]:
    """Return registers of a thread, and bytes spilled, by ptxas with the options that Triton gives it."""
    with tempfile.NamedTemporaryFile("w", suffix=".ptx") as file:
        file.write(ptx)
        file.flush()
        command = [get_ptxas(capability).path, "-v", "--regAllocOptLevel=2", file.name, "-o", "/dev/null"]
        command.append(f"--gpu-name={sm_arch_from_capability(capability)}")
        said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    return _first(r"Used (\d+) registers", said), sum(map(int, re.findall(r"(\d+) bytes spill", said)))


def _amd(gcn: str) -> tuple[int, int]:
    """Return vector registers of a thread; and those spilled, with bytes of private memory."""
    spilled = _first(r"\.vgpr_spill_count:\s*(\d+)", gcn)
    private = _first(r"\.private_segment_fixed_size:\s*(\d+)", gcn)
    return _first(r"\.vgpr_count:\s*(\d+)", gcn), spilled + private


def _first(pattern: str, text: str) -> int:
    found = re.search(pattern, text)
    assert found is not None, f"{pattern} is not in what the compiler wrote"
    return int(found[1])
