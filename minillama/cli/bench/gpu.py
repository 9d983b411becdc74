"""`minillama bench gpu`: training steps and single operations on a GPU, by four contestants in turns.

Every figure is five runs after one that does not count; the contestants take turns, so that all meet the same
clock rates and temperatures. What comes out is a file for `docs/data/gpu/`, read by
`minillama.kernels.gpu_figures`. On a CPU the same way is gone with small shapes, as a rehearsal, and its file
is kept out of that folder.
"""

from __future__ import annotations

import importlib.util
import json
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..console import console
from ..errors import UserError

if TYPE_CHECKING:
    import torch

    from ...kernels.gpu_figures import GpuFigures, OperationFigures, TrainingFigures
    from .gpu_operations import Timed

FOLDER = Path("docs/data/gpu")
SEED = 0
DTYPE = "bfloat16"
NO_LIGER = "not installed: pip install liger-kernel==0.8.5"


SMALL: dict[str, Any] = {
    "vocab_size": 256, "dim": 64, "n_layers": 2, "n_heads": 2, "n_kv_heads": 2, "hidden_dim": 96,
}  # fmt: skip


def measure(device_name: str, backend: str | None, small: bool, folder: Path) -> tuple[GpuFigures, Path]:
    """Measure everything and write the file; return the figures and where they are.

    Raises
    ------
    UserError
        If a rehearsal would be written among the figures of GPUs.
    ValueError
        If the device cannot be had, or the backend cannot run on it.
    """
    from ... import kernels
    from ...kernels.gpu_figures import GpuFigures
    from ...kernels.roofline import measured_bandwidth
    from ...training.device import take_device, use_backend
    from ...training.throughput import peak_flops
    from . import gpu_machine

    device = take_device(device_name)
    if device.type == "cpu" and folder.resolve().parts[-3:] == FOLDER.parts:
        raise UserError(f"a rehearsal on a CPU is no figure of a GPU: give --out FOLDER other than {folder}")
    before = kernels.chosen()
    try:
        use_backend(backend or kernels.backend(device.type), device)
        backend = kernels.backend(device.type)
        absent = {} if importlib.util.find_spec("liger_kernel") else {"liger": NO_LIGER}
        training = _training(device, backend, small, absent)
        operations = _operations(device, backend, small, absent)
    finally:
        kernels.use(before)
    brief: dict[str, Any] = {"size": 2**20, "seconds": 0.01} if small else {}
    figures = GpuFigures(
        device=gpu_machine.name(device),
        device_type=device.type,
        memory_bytes=gpu_machine.memory(device),
        peak_flops=peak_flops(device, DTYPE, 0.01 if small else 1.0),
        bandwidth=max(measured_bandwidth(device, **brief).values()),
        backend=backend,
        dtype=DTYPE,
        seed=SEED,
        commit=gpu_machine.commit(),
        versions=gpu_machine.versions(),
        training=training,
        operations=operations,
        absent=absent,
    )
    return figures, _write(figures, folder)


def _training(device: torch.device, backend: str, small: bool, absent: dict[str, str]) -> TrainingFigures:
    """Time steps of a model of 220 million parameters, four rows of 2,048 tokens; add to who is absent."""
    import torch

    from ...config import LlamaConfig
    from ...kernels.gpu_figures import RUNS, StepFigures, TrainingFigures
    from .gpu_machine import begin_peak, wait
    from .gpu_steps import Step, steps

    cfg = LlamaConfig(
        vocab_size=32_000, dim=1024, n_layers=12, n_heads=8, n_kv_heads=8, hidden_dim=2816, max_seq_len=2048
    )
    batch, steps_a_run = (4, 2048), 5
    if small:
        cfg, batch, steps_a_run = LlamaConfig(**SMALL), (2, 32), 1
    made: dict[str, Step] = {}
    losses: dict[str, list[float]] = {}
    for who, make in steps(cfg, batch, device, DTYPE, backend, SEED).items():
        if who in absent:
            continue
        _tell(f"training, {who}: the first step")
        try:
            step = make()
            losses[who] = [step()]
        except Exception as error:
            absent[f"{who}, training"] = _why(who, error)
            continue
        made[who] = step
    seconds: dict[str, list[float]] = {who: [] for who in made}
    peaks: dict[str, int | None] = {}
    for _ in range(RUNS):
        for who, step in made.items():
            _tell(f"training, {who}")
            step.begin()
            kept = step.resident()
            outside = begin_peak(device) - kept
            start = time.perf_counter()
            for _ in range(steps_a_run):
                losses[who].append(step())  # reading the loss waits for the device
            wait(device)
            seconds[who].append((time.perf_counter() - start) / steps_a_run)
            peaks[who] = torch.cuda.max_memory_allocated(device) - outside if device.type == "cuda" else None
    found = {who: StepFigures(seconds[who], losses[who], peaks[who]) for who in made}
    return TrainingFigures(cfg, *batch, found)


def _operations(
    device: torch.device, backend: str, small: bool, absent: dict[str, str]
) -> list[OperationFigures]:
    """Time every operation at the shapes of LLaMA 2 7B, two rows of 4,096; add to what is absent."""
    from ...config import LlamaConfig
    from ...kernels.gpu_figures import RUNS, OperationFigures
    from ...training.precision import DTYPES
    from .gpu_machine import clock
    from .gpu_operations import Sizes, cases, functions, least

    sizes, calls = Sizes(LlamaConfig.named("llama-2-7b"), 2, 4096, 16, 4096, 2**26), 10
    if small:
        sizes, calls = Sizes(LlamaConfig(**SMALL), 2, 32, 2, 32, 2**12), 2
    seconds_of, works, found = clock(device), least(sizes, DTYPES[DTYPE]), []
    for case in cases(sizes, device, DTYPES[DTYPE], SEED):
        ways: dict[str, dict[str, Timed]] = {case.name: {}, f"{case.name} backward": {}}
        for who, get in functions(case.name, backend).items():
            if who in absent:
                continue
            _tell(f"{case.name}, {who}: the first call")
            try:
                function = get()
                timed = [case.forward(function)]
                if case.with_gradient:
                    timed.append(case.backward(function))
                for one in timed:
                    seconds_of(one, 1)  # builds and compiles
            except Exception as error:
                absent[f"{who}, {case.name}"] = _why(who, error)
                continue
            for name, one in zip(ways, timed, strict=False):
                ways[name][who] = one
        for name, contestants in ways.items():
            if contestants:
                _tell(name)
                seconds: dict[str, list[float]] = {who: [] for who in contestants}
                for _ in range(RUNS):
                    for who, one in contestants.items():
                        seconds[who].append(seconds_of(one, calls))
                found.append(OperationFigures(name, works[name].flops, works[name].bytes, seconds))
    return found


def _why(who: str, error: Exception) -> str:
    """Return one line about a contestant that cannot run; an error of ours is raised."""
    if who == "ours":
        raise error
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"


def _write(figures: GpuFigures, folder: Path) -> Path:
    from ...checkpoints.atomic import write_atomically

    folder.mkdir(parents=True, exist_ok=True)
    name = re.sub(r"[^a-z0-9]+", "-", figures.device.lower()).strip("-")
    path = folder / f"{name}.json"
    write_atomically(path, (json.dumps(figures.to_dict(), indent=1) + "\n").encode())
    return path


def _tell(what: str) -> None:
    """Show what is being done, on a terminal."""
    if console.is_terminal:
        console.print(what, style="dim", highlight=False)


def show(figures: GpuFigures, path: Path, as_json: bool) -> None:
    """Print the figures, as tables in Markdown or as one line of JSON, and where they are."""
    from ...book.gpu_page import tables

    if as_json:
        print(json.dumps(figures.to_dict()))
        return
    print(tables(figures))
    console.print(f"written: {path}", soft_wrap=True, highlight=False)
