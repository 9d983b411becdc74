"""A run that is killed at any moment goes on from its last checkpoint as if nothing had been."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from training import killed_runs
from training.runs import new_trainer, rows, weights

from minillama.training import Step, Trainer

pytestmark = pytest.mark.slow

DIES_IN_STEP_3 = {
    "first byte": ("bytes", 0),
    "header": ("bytes", 7),
    "quarter": ("bytes", 0.25),
    "half": ("bytes", 0.5),
    "last byte": ("bytes", -1),
    "not renamed": ("fsync", 0),
    "renamed": ("renamed", 0),
}
ANYWHERE = {f"after {seconds} s": ("after", seconds) for seconds in (0.0, 0.004, 0.013, 0.021, 0.037, 0.06)}


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """The same number of threads everywhere: it decides the order of sums."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def unbroken() -> tuple[list[Step], dict[int, torch.Tensor]]:
    """Steps of a run that nobody stopped, and its weights after each of them."""
    trainer, steps, after = new_trainer(**killed_runs.CHANGES), [], {}
    for step in trainer:
        steps.append(step)
        after[step.step] = weights(trainer).clone()
        if step.step == 100:
            break
    return steps, after


@pytest.fixture(scope="module")
def graveyard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for each way to die."""
    directory = tmp_path_factory.mktemp("killed")
    size = new_trainer(directory / "whole", **killed_runs.CHANGES).save().stat().st_size
    cases = {
        name: (
            how,
            size * value if isinstance(value, float) and how == "bytes" else size - 1 if value < 0 else value,
        )
        for name, (how, value) in (DIES_IN_STEP_3 | ANYWHERE).items()
    }
    subprocess.run(
        [sys.executable, killed_runs.__file__, str(directory), json.dumps(cases)],
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": "1", "MINILLAMA_CHECK_SHAPES": "0"},
    )
    return directory


def goes_on_exactly(run_dir: Path, unbroken: tuple[list[Step], dict[int, torch.Tensor]]) -> int:
    """Resume, do three steps, compare them, the weights and the log with the unbroken run."""
    steps, after = unbroken
    resumed = Trainer.resume(run_dir, rows())
    begin = resumed.step
    assert torch.equal(weights(resumed), after[begin])
    new = [next(iter(resumed)) for _ in range(3)]
    assert [(s.step, s.loss, s.grad_norm, s.lr) for s in new] == [
        (s.step, s.loss, s.grad_norm, s.lr) for s in steps[begin : begin + 3]
    ]
    assert torch.equal(weights(resumed), after[begin + 3])
    lines = [json.loads(line) for line in (run_dir / "log.jsonl").read_text().splitlines()]
    assert [(line["step"], line["loss"]) for line in lines] == [(s.step, s.loss) for s in steps[: begin + 3]]
    assert sorted(path.name for path in run_dir.iterdir()) == ["log.jsonl", "minillama.safetensors"]
    return begin


@pytest.mark.parametrize("name", DIES_IN_STEP_3)
def test_a_run_killed_inside_the_write(
    name: str, graveyard: Path, unbroken: tuple[list[Step], dict[int, torch.Tensor]]
) -> None:
    left = [path.name for path in (graveyard / name).iterdir()]
    assert any(file.endswith(".tmp") for file in left) == (name != "renamed")
    assert goes_on_exactly(graveyard / name, unbroken) == (3 if name == "renamed" else 2)


@pytest.mark.parametrize("name", ANYWHERE)
def test_a_run_killed_anywhere(
    name: str, graveyard: Path, unbroken: tuple[list[Step], dict[int, torch.Tensor]]
) -> None:
    goes_on_exactly(graveyard / name, unbroken)
