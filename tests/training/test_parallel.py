"""Several processes train the model that one trains; their checkpoints fit any number; losing one ends all.

Each start of torchrun costs seconds, so that one start does many comparisons (`parallel_worker.py`).
"""

from __future__ import annotations

import itertools
import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from training import parallel_worker as worker

from minillama.checkpoints import CheckpointError, load
from minillama.checkpoints.runs import consolidate, latest_shards, load_run
from minillama.checkpoints.sharded import open_shards
from minillama.model import Llama
from minillama.training import Trainer, log

pytestmark = pytest.mark.slow
TOLERANCE = {torch.float32: 1e-6, torch.float64: 1e-12}  # sums in another order; measured 7e-7 and 1e-14
SECONDS = 300  # a start takes a tenth of that on an idle machine; a hang must not stop the suite


def torchrun(processes: int, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Start processes as torchrun does, on a free port."""
    command = [sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={processes}", "--standalone"]
    return subprocess.run(
        [*command, *map(str, arguments)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def compare(processes: int, directory: Path) -> dict[str, Any]:
    done = torchrun(processes, worker.__file__, "compare", directory)
    assert done.returncode == 0, done.stderr
    return json.loads((directory / f"found-{processes}.json").read_text())


@pytest.fixture(scope="module")
def one() -> dict[str, Any]:
    """What one process does."""
    return {case: worker.curve(worker.trainer(*what)) for case, what in worker.CASES.items()}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("parallel")


@pytest.fixture(scope="module")
def two(directory: Path) -> dict[str, Any]:
    """What two processes do, and how they go on where one stopped."""
    run = worker.trainer(worker.CFG, worker.CONFIG, torch.float32, None, directory / "for-2" / "one process")
    worker.curve(itertools.islice(run, worker.SAVED_AT))
    run.save()
    return compare(2, directory)


@pytest.fixture(scope="module")
def four(directory: Path, two: dict[str, Any]) -> dict[str, Any]:
    """What four processes do, and how they go on where two stopped."""
    shutil.copytree(directory / "saved", directory / "for-4")
    return compare(4, directory)


def resumed_part(one: dict[str, Any]) -> list[tuple[float, float, int]]:
    return one["plain, float32"][worker.SAVED_AT : worker.SAVED_AT + worker.RESUMED]


def assert_equal_curves(
    found: list[list[float]], expected: list[tuple[float, ...]], dtype: torch.dtype
) -> None:
    assert len(found) == len(expected)
    for (loss, norm, targets), (its_loss, its_norm, its_targets) in zip(found, expected, strict=True):
        assert targets == its_targets
        assert loss == pytest.approx(its_loss, rel=0, abs=TOLERANCE[dtype])
        assert norm == pytest.approx(its_norm, rel=5 * TOLERANCE[dtype])


@pytest.mark.parametrize("place", ["DDP", "FSDP", "TP"])
def test_two_processes_equal_one(place: str, one: dict[str, Any], two: dict[str, Any]) -> None:
    for case, (*_, dtype) in worker.CASES.items():
        assert_equal_curves(two[place][case], one[case], dtype)


def test_four_processes_in_a_grid_equal_one(one: dict[str, Any], four: dict[str, Any]) -> None:
    for case, (*_, dtype) in worker.CASES.items():
        assert_equal_curves(four["FSDP x TP"][case], one[case], dtype)


def test_the_cases_differ(one: dict[str, Any]) -> None:
    plain, everything = one.values()
    assert abs(plain[0][0] - everything[0][0]) > 1e-3
    assert plain[-1][0] < plain[0][0] - 0.1


def test_a_held_out_loss_is_that_of_one_process(two: dict[str, Any], four: dict[str, Any]) -> None:
    expected = worker.trainer(worker.CFG, worker.CONFIG, torch.float32).evaluate(worker.rows(), 11)
    for found in (*two.values(), *four.values()):
        assert found["held out"] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("place", ["DDP", "FSDP", "TP"])
def test_two_processes_go_on_where_one_stopped(place: str, one: dict[str, Any], two: dict[str, Any]) -> None:
    assert_equal_curves(two[place]["from one process"], resumed_part(one), torch.float32)


@pytest.mark.parametrize("place", ["DDP", "FSDP", "TP"])
def test_four_processes_go_on_where_two_stopped(
    place: str, one: dict[str, Any], four: dict[str, Any]
) -> None:
    assert_equal_curves(four["FSDP x TP"][f"from {place}"], resumed_part(one), torch.float32)


@pytest.mark.parametrize("place", ["FSDP", "TP", "FSDP x TP"])
def test_one_process_goes_on_where_several_stopped(
    place: str, one: dict[str, Any], four: dict[str, Any], directory: Path
) -> None:
    run_dir = directory / "saved" / place
    assert latest_shards(run_dir) is not None
    rest = worker.curve(itertools.islice(Trainer.resume(run_dir, worker.rows()), worker.RESUMED))
    assert_equal_curves(rest, resumed_part(one), torch.float32)


@pytest.mark.parametrize("place", ["FSDP", "TP", "FSDP x TP"])
def test_a_sharded_checkpoint_becomes_a_plain_one(
    place: str, four: dict[str, Any], directory: Path, tmp_path: Path
) -> None:
    run_dir = shutil.copytree(directory / "saved" / place, tmp_path / "run")
    sharded, _, state = load_run(run_dir)
    assert_same_weights(load(run_dir)[0], sharded)  # any command reads it as it stands
    consolidate(run_dir)
    assert [path.name for path in run_dir.iterdir() if path.is_dir()] == []
    model, _ = load(run_dir)
    whole, _, after = load_run(run_dir)
    assert_same_weights(model, sharded)
    assert_same_weights(whole, sharded)
    assert after.values == state.values
    assert after.tensors.keys() == state.tensors.keys()
    assert all(torch.equal(after.tensors[name], tensor) for name, tensor in state.tensors.items())
    assert sum(name.startswith("exp_avg.") for name in state.tensors) == len(list(model.parameters()))


def assert_same_weights(found: Llama, expected: Llama) -> None:
    assert found.cfg == expected.cfg
    for name, weight in expected.state_dict().items():
        assert torch.equal(found.state_dict()[name], weight)


def damage(shards: Path, kind: str) -> None:
    header, first = shards / "shards.json", sorted(shards.glob("*.safetensors"))[0]
    if kind == "a file is missing":
        first.unlink()
    elif kind == "a file is cut short":
        first.write_bytes(first.read_bytes()[:-8])
    elif kind == "no JSON":
        header.write_text("{")
    else:
        values = json.loads(header.read_text())
        if kind == "another format":
            values["format"] = "minillama-shards-99"
        elif kind == "a wider model":
            values["config"]["dim"] *= 2
        elif kind == "a million layers":
            values["config"]["n_layers"] = 10**6
        elif kind == "a list of files that is none":
            values["files"] = 3
        header.write_text(json.dumps(values))


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("a file is missing", "shard-00001-.*no bytes here"),
        ("a file is cut short", "shard-00001-.* bytes here"),
        ("no JSON", "shards.json: cannot be read"),
        ("another format", "format is 'minillama-shards-99'"),
        ("a wider model", "has shape"),
        ("a million layers", "cannot make 1000000 layers"),
        ("a list of files that is none", "shards.json: cannot be read"),
    ],
)
def test_a_damaged_checkpoint_is_refused(
    kind: str, says: str, two: dict[str, Any], directory: Path, tmp_path: Path
) -> None:
    run_dir = shutil.copytree(directory / "saved" / "FSDP", tmp_path / "run")
    shards = latest_shards(run_dir)
    assert shards is not None
    damage(shards, kind)
    with pytest.raises(CheckpointError, match=says):
        open_shards(shards)
    with pytest.raises(CheckpointError, match=says):
        load_run(run_dir)


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus of a hundred words that mean nothing."""
    rng = random.Random(0)
    words = ["".join(rng.choices("abcdefgh", k=rng.randint(2, 6))) for _ in range(100)]
    file = tmp_path_factory.mktemp("corpus") / "text.txt"
    file.write_text(" ".join(rng.choices(words, k=3000)))
    return file


def command(text: Path, *more: str | Path) -> list[str]:
    """`minillama train`, small, with a checkpoint at every second step."""
    shape = "--vocab-size 280 --dim 16 --layers 2 --heads 4 --kv-heads 2 --seq-len 16 --batch-size 4"
    run = "--steps 10 --warmup 2 --checkpoint-every 2 --evaluate-every 5 --parallel fsdp"
    return ["train", "--corpus", str(text), *shape.split(), *run.split(), *map(str, more)]


def losses(run_dir: Path) -> list[tuple[float, float]]:
    return [(line["loss"], line["grad_norm"]) for line in log.read(run_dir)]


def test_a_killed_process_ends_the_run_with_one_line_and_a_checkpoint_to_go_on_from(
    text: Path, tmp_path: Path
) -> None:
    broken, unbroken = tmp_path / "broken", tmp_path / "unbroken"
    begun = time.monotonic()
    died = torchrun(2, worker.__file__, "die", tmp_path, *command(text, "--out", broken))
    assert time.monotonic() - begun < SECONDS / 2
    assert died.returncode != 0
    said = [line for line in died.stderr.splitlines() if "cannot go on" in line]
    assert said == [
        "another of the run's 2 processes has ended or hangs; process 0 cannot go on. "
        f"The checkpoint of step 6 is whole: go on with --resume {broken}"
    ]
    assert load_run(broken)[2].values["step"] == 6

    module = "--module", "minillama"
    resumed = torchrun(2, *module, *command(text, "--resume", broken))
    whole = torchrun(2, *module, *command(text, "--out", unbroken))
    assert (resumed.returncode, whole.returncode) == (0, 0), resumed.stderr + whole.stderr
    assert len(losses(unbroken)) == 10
    assert losses(broken) == losses(unbroken)  # bit for bit: the same processes do the same sums
    assert_same_weights(load(broken)[0], load(unbroken)[0])
    assert whole.stdout.count("held-out loss") == 1
    assert log.read(unbroken)[-1]["mfu"] > 0
