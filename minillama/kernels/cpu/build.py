"""Compiles the C kernels at first use, once a machine, and loads them through ctypes.

The library is kept under the cache of minillama by a hash of source, flags, compiler and processor, so that a
change of any of them builds anew. It is written under a name of its own and renamed, which is atomic: of two
processes that build at once, both get a whole file.

    <cache>/kernels/3f9a...c1.so
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from functools import cache
from importlib import resources
from pathlib import Path

from ...data.datasets import cache_dir

SOURCES = ("kernels.c", "rows.h", "attention.h")
FLAGS = ("-O3", "-march=native", "-fno-math-errno", "-shared", "-fPIC")


class BuildError(RuntimeError):
    """The C kernels could not be built or loaded; the message is one line."""


@cache
def library() -> ctypes.CDLL:
    """Return the loaded kernels, compiled if need be (about a second).

    Raises
    ------
    BuildError
        Without a C compiler, if it refuses the source, or if the cache cannot be written.
    """
    compiler = _compiler()
    for parallel in (("-fopenmp",), ()):  # without OpenMP (Apple's clang): the same kernels, on one core
        command = [compiler, *FLAGS, *parallel]
        path = cache_dir() / "kernels" / f"{_fingerprint(command)}.so"
        try:
            if not path.exists():
                _compile(command, path)
            return _load(command, path)
        except BuildError as error:
            reason = error
        except OSError as error:
            raise BuildError(f"{path} cannot be used: {error}") from error
    raise reason


def _load(command: list[str], path: Path) -> ctypes.CDLL:
    """Load what was built; what cannot be loaded is damaged, and built anew once."""
    try:
        return ctypes.CDLL(str(path))
    except OSError:
        _compile(command, path)
        return ctypes.CDLL(str(path))


def _compiler() -> str:
    asked = os.environ.get("CC")
    for name in [asked] if asked else ["cc", "gcc", "clang"]:
        found = shutil.which(name)
        if found:
            return found
    raise BuildError(f"no C compiler: {'CC=' + asked if asked else 'cc, gcc, clang'} is not on the PATH")


def _fingerprint(command: list[str]) -> str:
    """Return a name for what `command` makes of the sources on this machine."""
    version = subprocess.run([command[0], "--version"], capture_output=True, text=True, check=False).stdout
    about = [*command, version, platform.machine(), _processor()]
    about += [_source(name).read_text(encoding="utf-8") for name in SOURCES]
    return hashlib.sha256("\0".join(about).encode()).hexdigest()[:32]


def _processor() -> str:
    """Return what -march=native depends on, where the system says."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return "\n".join(sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))}))


def _source(name: str) -> Path:
    return Path(str(resources.files(__package__) / name))


def _compile(command: list[str], path: Path) -> None:
    """Build into a temporary name beside `path`, then rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".so")
    os.close(handle)
    try:
        done = subprocess.run(
            [*command, str(_source("kernels.c")), "-o", temporary, "-lm"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if "error" in line] or done.stderr.splitlines()
            raise BuildError(f"{command[0]} failed: {lines[0] if lines else f'status {done.returncode}'}")
        os.replace(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)
