"""Kernels compiled for GPUs that are not here: what each takes of the GPU, and whether that will do.

    resources(["rms_norm"], targets=["sm_80"], dtypes=["bfloat16"])

compiles, in a process of its own (compiling and interpreting cannot share one), what the operation launches
at LLaMA's sizes, and reads from the compiler's own text what decides how a kernel runs before it ever has:

    registers   of a thread. 65,536 of an NVIDIA multiprocessor are shared by all threads that run there
    spilled     bytes that found no register, and go to memory and back: more than none is a mistake
    shared      bytes of a program's shared memory; with more than a GPU has, the launch fails there
    accesses    how many bytes a thread loads or stores at once: 16 are best

`Compiled.faults` holds the gates. What they cannot say is how long anything takes: that needs the GPU.

As a command, ``python -m minillama.kernels.compiled rms_norm --targets sm_80``: a line of JSON a kernel.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec

from .assembly import WIDE, Access, narrow
from .cases import CASES, LLAMA

__all__ = ["DTYPES", "LIBRARIES", "SHARED", "TARGETS", "Access", "Compiled", "operations", "resources"]

SHARED = {"sm_80": 163, "sm_90": 227, "sm_100": 227, "gfx942": 64}
"""KiB of shared memory that one program may take: A100, H100, B200; MI300X."""
MULTIPROCESSORS = {
    "sm_80": (65536, 2048, 164),
    "sm_90": (65536, 2048, 228),
    "sm_100": (65536, 2048, 228),
    "gfx942": (131072, 2048, 64),
}
"""Registers of 32 bits, threads at most and KiB of shared memory of one multiprocessor (compute unit)."""
TARGETS = tuple(SHARED)
DTYPES = ("bfloat16", "float32")
LIBRARIES = ("minillama", "liger")
NARROW = {
    "any": (4, 4),  # a number of the row: its 1 / root mean square, its log of sums
    "attention_forward": (20, 68),  # a query's first key; AMD's matrix units leave a thread four neighbours
    "attention_dq": (28, 64),  # a query's log of sums, delta and first key; AMD as above
    "attention_dkv": (388, 128),  # the same of all queries of a tile, for each of the four copies of the loop
    "paged_attention_partial": (68, 4),  # the page of each key
    "attention_join": (36, 4),  # each part's log of sums
    "cross_entropy_forward": (12, 8),  # a row's target and its logit; log Z and nats
    "cross_entropy_gradient": (16, 0),  # a row's target and log Z, and the scale
    "int8_matvec_kernel": (12, 4),  # x, which all programs read, in a layout made for the weight; the scale
    "int4_matvec_kernel": (20, 4),  # the same
}
"""Bytes of a thread's loads and stores that may come less than 16 at a time, and what they are."""


@dataclass(frozen=True)
class Compiled:
    """What one kernel takes on one GPU.

    Attributes
    ----------
    operation, kernel, dtype, target : str
        Whose launch it is, the kernel's name, of which floats, and for which of `TARGETS`.
    programs, threads : int
        How many programs the launch starts, and threads of each.
    registers, spilled, shared : int
        Of a thread; bytes (AMD: registers and bytes); bytes of a program.
    accesses : tuple of Access
        Loads and stores of global memory in the kernel's text, by width.
    """

    operation: str
    kernel: str
    dtype: str
    target: str
    programs: int
    threads: int
    registers: int
    spilled: int
    shared: int
    accesses: tuple[Access, ...]

    @property
    def narrow(self) -> tuple[int, int]:
        """Bytes of a thread's loads, and of its stores, that come less than 16 at a time."""
        return narrow(self.accesses, "load"), narrow(self.accesses, "store")

    @property
    def resident(self) -> int:
        """Threads that run at once on a multiprocessor (AMD: compute unit), by registers and shared memory.

        Examples
        --------
        >>> Compiled("norm", "f", "float32", "sm_90", 1, 256, 80, 0, 8192, ()).resident
        768
        """
        held, most, total = MULTIPROCESSORS[self.target]
        by_registers = held // (-(-self.registers // 8) * 8) // self.threads
        by_shared = total * 1024 // (self.shared + 1024)  # NVIDIA keeps 1 KiB of each program's
        return self.threads * min(by_registers, most // self.threads, by_shared)

    def faults(self) -> list[str]:
        """Return what no kernel may do, in words; empty if all is well.

        Examples
        --------
        >>> row = Compiled("norm", "f", "float32", "sm_80", 1, 32, 255, 8, 1024, (Access("load", 4, 8),))
        >>> row.faults()
        ['8 spilled', '32 bytes of its loads come less than 16 at a time: 4 may']
        """
        found = [] if self.spilled == 0 else [f"{self.spilled} spilled"]
        if self.shared > SHARED[self.target] * 1024:
            found.append(f"{self.shared} bytes of shared memory: {self.target} has {SHARED[self.target]} KiB")
        allowed = NARROW.get(self.kernel, NARROW["any"])
        for kind, has, may in zip(("loads", "stores"), self.narrow, allowed, strict=True):
            if has > may:
                found.append(f"{has} bytes of its {kind} come less than {WIDE} at a time: {may} may")
        return found

    def json(self) -> str:
        """Return one line of JSON."""
        return json.dumps(asdict(self))


def resources(
    asked: Sequence[str] | None = None,
    targets: Sequence[str] = TARGETS,
    dtypes: Sequence[str] = DTYPES,
    head_dim: int = LLAMA.D,
    jobs: int = 1,
    told: Callable[[Compiled], None] | None = None,
    library: str = "minillama",
) -> list[Compiled]:
    """Compile what operations launch at LLaMA's sizes and return what each kernel takes.

    Parameters
    ----------
    asked : sequence of str, optional
        Operations of `CASES`; by default all that the library has.
    targets, dtypes : sequence of str
        Of `TARGETS` and `DTYPES`.
    head_dim : int
        Width of a head.
    jobs : int
        Processes side by side.
    told : callable, optional
        Is given each kernel as it comes.
    library : str
        Of `LIBRARIES`: ours, or Liger-Kernel's, which `liger.fetch_liger` brings.

    Returns
    -------
    list of Compiled
        In the order of operations, then dtypes, targets and launches.

    Raises
    ------
    ValueError
        If a name is unknown, triton is not installed, or Liger-Kernel has not been fetched.
    """
    names = checked_names(asked, targets, dtypes, library)
    options = ["--targets", *targets, "--dtypes", *dtypes, "--head-dim", str(head_dim), "--jobs", str(jobs)]
    options += ["--library", library]
    environment = {k: v for k, v in os.environ.items() if k not in ("TRITON_INTERPRET", "MINILLAMA_BACKEND")}
    command = [sys.executable, "-m", "minillama.kernels.compiled", *names, *options]
    rows = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        for line in process.stdout:
            fields = json.loads(line)
            rows.append(Compiled(**fields | {"accesses": tuple(Access(*a) for a in fields["accesses"])}))
            if told is not None:
                told(rows[-1])
    if process.returncode != 0:
        raise RuntimeError(f"the process that compiles ended with status {process.returncode}")
    return rows


def operations(library: str = "minillama") -> tuple[str, ...]:
    """Return what a library can be asked for.

    Examples
    --------
    >>> operations("liger")[:2]
    ('rms_norm', 'rms_norm backward')
    """
    if library == "liger":
        from .liger import LIGER_CASES

        return tuple(LIGER_CASES)
    return tuple(CASES)


def checked_names(
    asked: Sequence[str] | None,
    targets: Sequence[str] = TARGETS,
    dtypes: Sequence[str] = DTYPES,
    library: str = "minillama",
) -> list[str]:
    """Return the operations asked for, by default all; ValueError where something is unknown or missing."""
    if library not in LIBRARIES:
        raise ValueError(f"there is no library {library!r}: expected one of {', '.join(LIBRARIES)}")
    names = operations(library) if asked is None else tuple(asked)
    for given, known in ((names, operations(library)), (targets, TARGETS), (dtypes, DTYPES)):
        unknown = [name for name in given if name not in known]
        if unknown:
            raise ValueError(f"there is no {unknown[0]!r} to compile: expected one of {', '.join(known)}")
    if find_spec("triton") is None:
        raise ValueError("triton is not installed: pip install 'minillama[gpu]' (Linux)")
    if library == "liger":
        from .liger import liger_wheel

        if not liger_wheel().is_file():
            raise ValueError(f"{liger_wheel()} is not there: `minillama bench kernels` brings it")
    return list(names)
