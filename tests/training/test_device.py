"""Which device and whose kernels: what was asked for or an error, and what a checkpoint says of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from training.runs import new_model, new_trainer

from minillama import kernels
from minillama.checkpoints.native import load_for_training
from minillama.checkpoints.runs import latest_values
from minillama.training import Placement, Trainer
from minillama.training.device import take_device, use_backend
from minillama.training.state import RunState


@pytest.fixture(autouse=True)
def _backend_restored() -> Iterator[None]:
    before = kernels.chosen()
    yield
    kernels.use(before)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> object:
    """Let PyTorch see some GPUs, and torchrun have started some processes; return the devices taken."""

    def pretend(gpus: int, processes: int, rank: int) -> list[torch.device]:
        taken: list[torch.device] = []
        monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
        monkeypatch.setattr(torch.cuda, "set_device", taken.append)
        monkeypatch.setenv("LOCAL_WORLD_SIZE", str(processes))
        monkeypatch.setenv("LOCAL_RANK", str(rank))
        return taken

    return pretend


@pytest.mark.parametrize(
    ("name", "gpus", "processes", "rank", "expected"),
    [
        ("auto", 0, 1, 0, "cpu"),
        ("auto", 1, 1, 0, "cuda:0"),
        ("auto", 4, 4, 3, "cuda:3"),
        ("auto", 2, 4, 1, "cpu"),  # all or none: two of four would wait for each other in vain
        ("cpu", 2, 1, 0, "cpu"),
        ("cuda", 2, 2, 1, "cuda:1"),
    ],
)
def test_a_process_takes_the_gpu_of_its_number(
    name: str, gpus: int, processes: int, rank: int, expected: str, machine: object
) -> None:
    taken = machine(gpus, processes, rank)  # type: ignore[operator]
    device = take_device(name)
    assert device == torch.device(expected)
    assert taken == ([device] if device.type == "cuda" else [])


@pytest.mark.error_contract
@pytest.mark.parametrize(
    ("name", "gpus", "processes", "says"),
    [
        ("cuda", 0, 1, "device 'cuda' cannot be had here: PyTorch sees no GPU"),
        ("cuda", 0, 2, "device 'cuda' cannot be had here: PyTorch sees no GPU"),
        ("cuda", 2, 4, "4 processes on this machine want a GPU each: PyTorch sees 2"),
        ("tpu", 0, 1, "device is 'tpu': expected one of auto, cpu, cuda"),
    ],
)
def test_a_device_asked_for_by_name_is_had_or_refused(
    name: str, gpus: int, processes: int, says: str, machine: object
) -> None:
    taken = machine(gpus, processes, 0)  # type: ignore[operator]
    with pytest.raises(ValueError, match=f"^{says}$"):
        take_device(name)
    assert taken == []


@pytest.mark.error_contract
@pytest.mark.parametrize(
    ("name", "device", "says"),
    [
        ("triton", "cpu", "backend 'triton' computes on cuda alone, and the device is cpu"),
        ("cpp", "cuda", "backend 'cpp' computes on cpu alone, and the device is cuda"),
        ("triton-interpret", "cuda", "backend 'triton-interpret' computes on cpu alone, and the device is"),
        ("triton", "cuda", "backend 'triton' cannot run here: "),
        ("fastest", "cpu", "unknown backend 'fastest': expected one of auto, eager"),
    ],
)
def test_a_backend_asked_for_by_name_is_had_or_refused(
    name: str, device: str, says: str, machine: object
) -> None:
    machine(0, 1, 0)  # type: ignore[operator]
    before = kernels.chosen()
    with pytest.raises(ValueError, match=says):
        use_backend(name, torch.device(device))
    assert kernels.chosen() == before


def test_a_backend_that_can_run_is_chosen() -> None:
    use_backend("cpp", torch.device("cpu"))
    assert kernels.chosen() == "cpp"
    use_backend("eager", torch.device("cuda"))  # it computes anywhere
    assert kernels.chosen() == "eager"


def test_a_placement_brings_the_model_to_its_device_and_keeps_its_parameters() -> None:
    model, nowhere = new_model(), torch.device("meta")
    Placement(nowhere).prepare(model)
    assert {parameter.device for parameter in model.parameters()} == {nowhere}
    model = new_model()
    before = list(model.parameters())
    Placement().prepare(model)
    assert all(a is b for a, b in zip(model.parameters(), before, strict=True))


def test_a_checkpoint_says_what_computed_it(tmp_path: Path) -> None:
    trainer = new_trainer(tmp_path, steps=2)
    kernels.use("eager")
    next(iter(trainer))
    trainer.save()
    assert (latest_values(tmp_path)["device"], latest_values(tmp_path)["backend"]) == ("cpu", "eager")
    kernels.use("cpp")
    resumed = Trainer.resume(tmp_path, trainer.rows)
    next(iter(resumed))
    resumed.save()
    values = load_for_training(tmp_path)[2].values
    assert (values["device"], values["backend"]) == ("cpu", "cpp")
    assert values == latest_values(tmp_path)


def test_a_checkpoint_of_before_says_nothing_of_it(tmp_path: Path) -> None:
    trainer = new_trainer(tmp_path, steps=1)
    trainer.save()
    values = latest_values(tmp_path)
    del values["device"], values["backend"]
    assert (RunState.from_dict(values).device, RunState.from_dict(values).backend) == (None, None)


@pytest.mark.error_contract
def test_what_computed_it_must_be_a_text(tmp_path: Path) -> None:
    new_trainer(tmp_path, steps=1).save()
    with pytest.raises(ValueError, match=r"backend is \['cpp'\]: expected a text"):
        RunState.from_dict(latest_values(tmp_path) | {"backend": ["cpp"]})
