"""`minillama train` on a device and kernels of one's choice: what runs, what is refused, what is recorded."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from minillama import cli, kernels
from minillama.checkpoints.runs import latest_values
from minillama.training import log

START = [sys.executable, "-m", "minillama"]
SMALL = {
    "dim": 32, "layers": 1, "heads": 2, "kv-heads": 1, "hidden-dim": 32, "seq-len": 8, "batch-size": 2,
    "vocab-size": 300, "threads": 1, "sample-every": 0, "evaluate-every": 0, "evaluate-rows": 2, "warmup": 0,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _backend_restored() -> Iterator[None]:
    before = kernels.chosen()
    yield
    kernels.use(before)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    file = tmp_path / "text.txt"
    file.write_text("The quick brown fox jumps over the lazy dog. " * 60)
    return file


def command(corpus: Path, *options: object) -> list[str]:
    small = [text for name, value in SMALL.items() for text in (f"--{name}", str(value))]
    return ["train", "--corpus", str(corpus), *small, *map(str, options)]


def train(corpus: Path, *options: object) -> int:
    return cli.run(command(corpus, *options))


@pytest.mark.error_contract
@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--device", "cuda"], "device 'cuda' cannot be had here: PyTorch sees no GPU"),
        (["--device", "cuda", "--backend", "triton", "--dtype", "bf16"], "device 'cuda' cannot be had here"),
        (["--device", "tpu"], "device is 'tpu': expected one of auto, cpu, cuda"),
        (["--backend", "triton"], "backend 'triton' computes on cuda alone, and the device is cpu"),
        (["--backend", "fastest"], "unknown backend 'fastest'"),
        (["--dtype", "fp8"], "dtype is 'fp8': expected one of float32, bfloat16, float16"),
    ],
)
def test_what_cannot_run_is_one_line_and_nothing_is_written(
    options: list[str],
    says: str,
    corpus: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert train(corpus, "--out", tmp_path / "run", *options) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert says in said[0]
    assert not (tmp_path / "run").exists()


@pytest.mark.error_contract
def test_a_backend_chosen_by_the_environment_is_held_to_the_device_too(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernels, "chosen", lambda: "triton")
    assert train(corpus, "--out", tmp_path / "run", "--device", "cpu") == 2
    said = "backend 'triton' computes on cuda alone, and the device is cpu"
    assert capsys.readouterr().err.splitlines() == [said]


@pytest.mark.error_contract
def test_a_backend_that_cannot_be_built_is_not_replaced(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernels, "unable", lambda name: "no C compiler" if name == "cpp" else None)
    assert train(corpus, "--out", tmp_path / "run", "--backend", "cpp") == 2
    assert capsys.readouterr().err.splitlines() == ["backend 'cpp' cannot run here: no C compiler"]


@pytest.mark.slow
def test_a_run_goes_on_with_the_kernels_it_began_with(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    other = "cpp" if kernels.backend("cpu") == "eager" else "eager"  # not what auto would take
    assert train(corpus, "--out", run, "--steps", 2, "--device", "cpu", "--backend", other) == 0
    assert f"{other} on cpu" in capsys.readouterr().out
    assert (latest_values(run)["device"], latest_values(run)["backend"]) == ("cpu", other)
    kernels.use("auto")
    assert train(corpus, "--resume", run) == 0
    said = capsys.readouterr().out
    assert f"{other} on cpu" in said
    assert "not as it began" not in said
    assert latest_values(run)["backend"] == other
    third = "eager" if other == "cpp" else "cpp"
    assert train(corpus, "--resume", run, "--backend", third) == 0
    assert f"{third} on cpu, and not as it began" in capsys.readouterr().out
    assert latest_values(run)["backend"] == third


@pytest.mark.slow
@pytest.mark.parametrize(("short", "name"), [("bf16", "bfloat16"), ("fp16", "float16"), ("fp32", "float32")])
def test_dtypes_have_short_names(short: str, name: str, corpus: Path, tmp_path: Path) -> None:
    assert train(corpus, "--out", tmp_path / "run", "--steps", 1, "--dtype", short, "--json") == 0
    assert latest_values(tmp_path / "run")["config"]["dtype"] == name


@pytest.mark.slow
def test_the_interpreter_trains_by_the_command_that_a_gpu_does(corpus: Path, tmp_path: Path) -> None:
    """In a process of its own: there the interpreter is chosen when torch is there already."""
    options = ("--steps", 2, "--device", "cpu", "--dtype", "bf16", "--json")
    runs = tmp_path / "eager", tmp_path / "interpreted"
    assert train(corpus, *options, "--out", runs[0], "--backend", "eager") == 0
    words = command(corpus, *options, "--out", runs[1], "--backend", "triton-interpret")
    done = subprocess.run([*START, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert latest_values(runs[1])["backend"] == "triton-interpret"
    eager, interpreted = ([line["loss"] for line in log.read(run)] for run in runs)
    assert interpreted == pytest.approx(eager, abs=1e-2)  # the band of tests/kernels/test_convergence.py


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # torch's own, while it imports and traces
@pytest.mark.parametrize("backend", ["cpp", "triton-interpret"])
def test_a_compiled_run_on_hand_written_kernels(
    backend: str, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Traced, with its gradients, but not translated to C++, which takes half a minute."""
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="aot_eager"))
    which, losses = ("--device", "cpu", "--backend", backend), []
    for name, options in (("plain", []), ("compiled", ["--compile"])):
        run = tmp_path / name
        assert train(corpus, "--out", run, "--steps", 2, *which, "--json", *options) == 0
        losses.append([line["loss"] for line in log.read(run)])
    assert losses[1] == pytest.approx(losses[0], rel=1e-6)


@pytest.mark.slow
def test_under_torchrun_the_same_options(corpus: Path, tmp_path: Path) -> None:
    def torchrun(*options: object) -> subprocess.CompletedProcess[str]:
        start = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone"]
        words = [*start, *START[1:], *command(corpus, *options)]
        hidden = os.environ | {"CUDA_VISIBLE_DEVICES": ""}
        return subprocess.run(words, env=hidden, capture_output=True, text=True, timeout=300, check=False)

    refused = torchrun("--out", tmp_path / "none", "--device", "cuda")
    assert refused.returncode != 0
    assert refused.stderr.count("device 'cuda' cannot be had here: PyTorch sees no GPU") == 1
    assert not (tmp_path / "none").exists()
    options = ["--out", tmp_path / "run", "--steps", 2, "--device", "cpu", "--backend", "cpp"]
    done = torchrun(*options)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("cpp on cpu") == 1
    assert latest_values(tmp_path / "run")["backend"] == "cpp"
