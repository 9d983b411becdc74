"""The training loop: it learns, resumes exactly, survives kill -9, and stops at what is not finite."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from minillama.checkpoints import CheckpointError, TrainingState, load, load_for_training
from minillama.checkpoints.native import save_native
from minillama.config import LlamaConfig
from minillama.data.packing import Rows, stream
from minillama.model import Llama
from minillama.training import TrainConfig, Trainer, TrainingError, cosine

CFG = LlamaConfig(vocab_size=32, dim=16, n_layers=2, n_heads=4, n_kv_heads=2, hidden_dim=32, max_seq_len=16)


def rows() -> Rows:
    ids = np.random.default_rng(0).integers(0, 32, 2000)
    return stream([ids.tolist()], seq_len=16, seed=3)


def new_trainer(run_dir: Path | None = None, **changes: object) -> Trainer:
    model = Llama(CFG)
    model.init_weights(torch.Generator().manual_seed(0))
    config = TrainConfig(**({"steps": 12, "batch_size": 4, "lr": 1e-2, "warmup": 3} | changes))  # type: ignore[arg-type]
    return Trainer(model, rows(), config, None, run_dir)


def weights(trainer: Trainer) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in trainer.model.parameters()])


def test_a_resumed_run_equals_the_unbroken_one_bit_for_bit(tmp_path: Path) -> None:
    unbroken = new_trainer()
    losses = [step.loss for step in unbroken]
    broken = new_trainer(tmp_path)
    first = [next(iter(broken)).loss for _ in range(5)]
    broken.save()
    resumed = Trainer.resume(tmp_path, rows())
    assert resumed.step == 5
    assert first + [step.loss for step in resumed] == losses
    assert torch.equal(weights(resumed), weights(unbroken))
    assert [json.loads(line)["step"] for line in (tmp_path / "log.jsonl").read_text().splitlines()] == list(
        range(1, 13)
    )


CHILD = """
import sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from test_trainer import new_trainer
for step in new_trainer(Path(sys.argv[1]), steps=4000, checkpoint_every=1):
    print(step.step, flush=True)
"""


@pytest.mark.parametrize("after", [1, 7])
def test_kill_9_leaves_a_checkpoint_that_goes_on_exactly(tmp_path: Path, after: int) -> None:
    here = str(Path(__file__).parent)
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path), here], stdout=subprocess.PIPE, text=True,
        env=os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())},
    )  # fmt: skip
    assert child.stdout is not None
    for _ in range(after):
        child.stdout.readline()
    time.sleep(0.01)  # somewhere inside a step or a write
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    resumed = Trainer.resume(tmp_path, rows())
    assert resumed.step >= after
    unbroken = iter(new_trainer(steps=4000))
    for _ in range(resumed.step + 3):
        expected = next(unbroken).loss
    for _ in range(3):
        loss = next(iter(resumed)).loss
    assert loss == expected
    assert not list(tmp_path.glob("*.old"))


def test_a_resumed_run_refuses_other_data(tmp_path: Path) -> None:
    trainer = new_trainer(tmp_path)
    next(iter(trainer))
    trainer.save()
    other = Rows(rows().tokens, rows().targets, seed=4)
    with pytest.raises(ValueError, match="other data"):
        Trainer.resume(tmp_path, other)


@pytest.mark.parametrize(
    ("values", "tensors", "said"),
    [
        ({"step": 1}, {}, "state of its run cannot be read"),
        ({"rows": "x", "config": {"surprise": 1}, "step": 1}, {}, "state of its run cannot be read"),
        (None, {"exp_avg.nobody": torch.zeros(3)}, "exp_avg.nobody fits no parameter"),
        (None, {"exp_avg.norm.weight": torch.zeros(3)}, "exp_avg.norm.weight fits no parameter"),
    ],
)
def test_a_broken_state_is_named(
    tmp_path: Path, values: dict[str, object] | None, tensors: dict[str, torch.Tensor], said: str
) -> None:
    trainer = new_trainer(tmp_path)
    trainer.save()
    kept = load_for_training(tmp_path)[2]
    save_native(
        trainer.model, None, tmp_path, TrainingState(kept.values if values is None else values, tensors)
    )
    with pytest.raises(CheckpointError, match=said):
        Trainer.resume(tmp_path, rows())


def test_a_loss_that_is_not_finite_stops_the_run_before_the_update(tmp_path: Path) -> None:
    trainer = new_trainer(tmp_path)
    for _ in range(2):
        next(iter(trainer))
    trainer.save()
    before = weights(trainer).clone()
    with torch.no_grad():
        trainer.model.norm.weight[3] = float("inf")
    with pytest.raises(TrainingError, match=r"step 3: the loss \(nan\) is not finite"):
        next(iter(trainer))
    assert trainer.step == 2
    kept = torch.cat([p.detach().flatten() for p in load(tmp_path)[0].parameters()])
    assert torch.equal(kept, before)


def test_a_full_disk_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = new_trainer(tmp_path)
    next(iter(trainer))
    trainer.save()
    next(iter(trainer))

    def no_space(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", no_space)
        with pytest.raises(OSError, match="No space left"):
            trainer.save()
    assert Trainer.resume(tmp_path, rows()).step == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log.jsonl", "minillama.safetensors"]


def test_a_finished_model_is_not_a_run(tmp_path: Path) -> None:
    import minillama

    minillama.save(Llama(CFG), None, tmp_path)
    with pytest.raises(CheckpointError, match="finished model"):
        Trainer.resume(tmp_path, rows())


def test_epochs_visit_every_row_once_in_an_order_of_their_own() -> None:
    data = rows()
    per_epoch = len(data) // 4
    epochs = [[data.batch(e * per_epoch + i, 4)[0] for i in range(per_epoch)] for e in range(2)]
    seen = [{row.tobytes() for batch in epoch for row in batch} for epoch in epochs]
    assert len(seen[0]) == len(seen[1]) == per_epoch * 4
    assert not np.array_equal(epochs[0][0], epochs[1][0])


def test_schedule_rises_to_the_peak_and_falls_to_a_tenth() -> None:
    rates = [cosine(step, steps=101, warmup=10) for step in range(101)]
    assert rates[10] == 1.0 == max(rates)
    assert all(a < b for a, b in itertools.pairwise(rates[:11]))
    assert all(a > b for a, b in itertools.pairwise(rates[10:]))
    assert rates[-1] == pytest.approx(0.1, abs=1e-12)


@pytest.mark.error_contract
def test_configurations_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="steps is 0: expected a whole number of at least 1"):
        TrainConfig(steps=0)
    with pytest.raises(ValueError, match="lr is nan: expected a finite number above 0"):
        TrainConfig(steps=1, lr=float("nan"))
    with pytest.raises(ValueError, match="cannot fill a batch"):
        rows().batch(0, 1000)
