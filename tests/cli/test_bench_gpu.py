"""`bench gpu`: what it refuses, the same way gone on a CPU, its clock on an imitated GPU, its formulas."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from minillama import LlamaConfig, cli, kernels
from minillama.cli.bench import gpu, gpu_machine, gpu_operations, gpu_steps
from minillama.cli.bench.gpu_operations import Sizes, Timed, cases, functions, least
from minillama.kernels.gpu_figures import CONTESTANTS, load, read
from minillama.kernels.ops import OPERATIONS

CPU = torch.device("cpu")
SIZES = Sizes(LlamaConfig(**gpu.SMALL), batch=2, seq_len=8, sequences=3, cached=32, parameters=400)


@pytest.fixture(autouse=True)
def _backend_restored() -> Iterator[None]:
    before = kernels.chosen()
    yield
    kernels.use(before)


@pytest.mark.error_contract
def test_without_a_gpu_one_line_and_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert cli.run(["bench", "gpu"]) == 2
    assert capsys.readouterr().err == "device 'cuda' cannot be had here: PyTorch sees no GPU\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.error_contract
@pytest.mark.parametrize("out", [[], ["--out", "docs/data/gpu"], ["--out", "docs/data/../data/gpu/"]])
def test_a_rehearsal_is_kept_out_of_the_figures(
    out: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.run(["bench", "gpu", "--device", "cpu", "--small", *out]) == 2
    said = capsys.readouterr().err
    assert "a rehearsal on a CPU is no figure of a GPU: give --out FOLDER" in said
    assert len(said.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.error_contract
def test_kernels_that_do_not_run_there_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["bench", "gpu", "--device", "cpu", "--small", "--backend", "triton", "--out", str(tmp_path)]
    assert cli.run(words) == 2
    assert "backend 'triton' computes on cuda alone" in capsys.readouterr().err


@pytest.fixture
def plain_liger(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Put modules with Liger-Kernel's names in its place, which compute as PyTorch does."""
    changed: list[Any] = []
    functions = {}
    for name in gpu_operations.OF_LIGER:
        functions[name] = getattr(kernels.eager, name)
    monkeypatch.setattr(gpu_operations, "liger", lambda: functions)
    module = ModuleType("liger_kernel.transformers")
    module.apply_liger_kernel_to_llama = lambda model: changed.append(model)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "liger_kernel.transformers", module)
    found = gpu.importlib.util.find_spec
    monkeypatch.setattr(
        gpu.importlib.util, "find_spec", lambda name, *rest: name == "liger_kernel" or found(name, *rest)
    )
    return changed


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # torch's own, while it traces
def test_a_rehearsal_goes_the_whole_way(
    plain_liger: list[Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="aot_eager"))
    words = ["bench", "gpu", "--device", "cpu", "--backend", "cpp", "--small", "--out", str(tmp_path)]
    assert cli.run([*words, "--json"]) == 0
    (path,) = tmp_path.iterdir()
    figures = read(path)
    assert json.loads(capsys.readouterr().out) == figures.to_dict()
    assert (figures.device_type, figures.backend, figures.absent) == ("cpu", "cpp", {})
    assert len(plain_liger) == 1
    steps = figures.training.steps
    assert tuple(steps) == CONTESTANTS
    for who, step in steps.items():
        assert len(step.losses) == 6
        assert step.losses[-1] < step.losses[0] - 0.1, who
        assert step.losses == pytest.approx(steps["eager"].losses, abs=2e-2)  # bfloat16's rounding
    measured = {operation.name for operation in figures.operations}
    assert {name.removesuffix(" backward") for name in measured} == {*OPERATIONS} - {"linear_cross_entropy"}
    for operation in figures.operations:
        has = set(CONTESTANTS) - (
            set() if operation.name.split()[0] in gpu_operations.OF_LIGER else {"liger"}
        )
        assert set(operation.seconds) == has
    with pytest.raises(ValueError, match="which is no GPU"):
        load(tmp_path)


def test_float32_steps_of_all_contestants_agree(plain_liger: list[Any]) -> None:
    cfg = LlamaConfig(**gpu.SMALL)
    made = gpu_steps.steps(cfg, (2, 16), CPU, "float32", "cpp", seed=0)
    curves, bytes_kept = {}, {}
    for who in ("eager", "liger", "ours"):
        step = made[who]()
        step.begin()
        curves[who] = [step() for _ in range(4)]
        bytes_kept[who] = step.resident()
    assert curves["liger"] == pytest.approx(curves["eager"], abs=2e-5)
    assert curves["ours"] == pytest.approx(curves["eager"], abs=2e-6)
    n_tensors = len(list(plain_liger[0].parameters()))
    counters = 4 * n_tensors  # a count of steps for each tensor, float32
    assert set(bytes_kept.values()) == {16 * cfg.n_params() + counters}  # weight, gradient, two moments


def test_who_is_not_installed_is_named_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: Any) -> Any:
        raise RuntimeError("no kernel image\nfor this device")

    monkeypatch.setattr(gpu_operations, "functions", lambda name, backend: {
        "eager": lambda: getattr(kernels.eager, name), "torch.compile": lambda: broken, "liger": broken,
    })  # fmt: skip
    absent = {"liger": "not installed"}
    found = gpu._operations(CPU, "cpp", True, absent)
    assert {who for operation in found for who in operation.seconds} == {"eager"}
    assert absent.pop("liger") == "not installed"
    names = {operation.name.removesuffix(" backward") for operation in found}
    assert set(absent) == {f"torch.compile, {name}" for name in names}
    assert set(absent.values()) == {"RuntimeError: no kernel image"}


def test_a_mistake_of_ours_ends_the_run() -> None:
    with pytest.raises(RuntimeError, match="wrong"):
        gpu._why("ours", RuntimeError("wrong"))
    assert gpu._why("liger", RuntimeError("wrong\nand more")) == "RuntimeError: wrong"
    assert gpu._why("liger", RuntimeError()) == "RuntimeError: "


def test_the_clock_of_a_gpu_times_the_work_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """An imitation of CUDA's events; a call takes 1, 2, 3 milliseconds."""
    happened: list[str] = []

    class Event:
        def __init__(self, enable_timing: bool) -> None:
            assert enable_timing

        def record(self) -> None:
            happened.append("event")

        def elapsed_time(self, end: Event) -> float:
            assert happened[-1] == "wait"
            return next(milliseconds)

    milliseconds = iter([1.0, 2.0, 3.0])
    buffer = SimpleNamespace(zero_=lambda: happened.append("flush"))
    monkeypatch.setattr(torch, "empty", lambda *shape, **options: buffer)
    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: happened.append("wait"))
    seconds = gpu_machine.clock(torch.device("cuda"))
    timed = Timed(lambda: happened.append("prepare"), lambda given: happened.append("work"))
    assert seconds(timed, 3) == pytest.approx(2e-3)
    assert happened == ["prepare", "flush", "event", "work", "event"] * 3 + ["wait"]


def test_the_clock_of_a_cpu_times_the_work_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(gpu_machine.time, "perf_counter", lambda: now[0])

    def passes(seconds: float) -> None:
        now[0] += seconds

    timed = Timed(lambda: passes(10.0), lambda given: passes(0.5))
    assert gpu_machine.clock(CPU)(timed, 4) == pytest.approx(0.5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_least_bytes_are_those_of_all_tensors_in_and_out(dtype: torch.dtype) -> None:
    works = least(SIZES, dtype)
    for case in cases(SIZES, CPU, dtype, seed=0):
        timed = case.forward(functions(case.name, "eager")["eager"]())
        given = timed.prepare()
        tensors = [x for argument in given for x in (argument if isinstance(argument, list) else [argument])]
        read_ = sum(x.nbytes for x in tensors if isinstance(x, Tensor))
        out: Any = timed.work(given)
        results = out if isinstance(out, tuple) else (out,)
        wrote = sum(x.nbytes for x in results if isinstance(x, Tensor))
        N = SIZES.batch * SIZES.seq_len
        kept = {"rms_norm": 4 * N, "add_rms_norm": 4 * N, "attention": 4 * N * SIZES.cfg.n_heads}.get(
            case.name, 0
        )
        if case.name == "cross_entropy":  # nats a row and log Z a row in place of two sums
            kept = 4 * N + 4 * N - wrote
        if case.name == "adamw":  # all but the gradient is written again
            wrote = read_ * 3 // 4
        assert works[case.name].bytes == read_ + wrote + kept, case.name


def test_a_way_back_gives_every_gradient() -> None:
    for case in cases(SIZES, CPU, torch.float32, seed=0):
        if case.with_gradient:
            timed = case.backward(functions(case.name, "eager")["eager"]())
            gradients: Any = timed.work(timed.prepare())
            assert [g.shape for g in gradients] == [x.shape for x in case.arguments[: case.with_gradient]]
