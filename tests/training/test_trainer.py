"""The training loop: it resumes exactly, reads and keeps what it is told, and stops at what is not finite."""

from __future__ import annotations

import functools
import itertools
import json
import math
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from training.runs import CFG, new_model, new_trainer, rows, weights

from minillama.checkpoints import CheckpointError, TrainingState, load, load_for_training
from minillama.checkpoints.native import save_native
from minillama.data.packing import Rows
from minillama.model import Llama
from minillama.tokenizer import Tokenizer
from minillama.training import LossScale, Step, TrainConfig, Trainer, TrainingError, cosine, log


def seen(steps: list[Step]) -> list[Step]:
    """The steps without what the clock says, and with a norm that overflowed equal to another such."""
    return [
        replace(
            step,
            seconds=0.0,
            tokens_per_second=0.0,
            grad_norm=step.grad_norm if math.isfinite(step.grad_norm) else -1.0,
        )
        for step in steps
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"accumulate": 2, "z_loss": 1e-3, "mask_documents": True, "grad_clip": 0.1},
        {"dtype": "bfloat16", "decay_embeddings": False},
        {"dtype": "float16", "accumulate": 4},
        {"on_spike": "skip", "spike_deviations": 0.2, "steps": 40, "lr": 1e-5},
    ],
    ids=lambda changes: ", ".join(changes) or "plain",
)
def test_a_resumed_run_equals_the_unbroken_one_bit_for_bit(
    tmp_path: Path, changes: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LossScale, "__init__", scale_that_moves)
    unbroken = new_trainer(**changes)
    steps = list(unbroken)
    broken = new_trainer(tmp_path, **changes)
    n_before = len(steps) // 2 - 1
    before = [next(iter(broken)) for _ in range(n_before)]
    broken.save()
    next(iter(broken))  # a step that no checkpoint knows of
    resumed = Trainer.resume(tmp_path, rows())
    assert resumed.step == n_before
    assert seen(before + list(resumed)) == seen(steps)
    assert torch.equal(weights(resumed), weights(unbroken))
    lines = log.read(tmp_path)
    assert [line["step"] for line in lines] == [step.step for step in steps]
    assert [line["loss"] for line in lines] == [step.loss for step in steps]
    if "dtype" in changes and changes["dtype"] == "float16":  # it was put to the test on both sides
        assert {step.skipped for step in steps[:n_before]} == {None, "overflow"}
        assert len({step.loss_scale for step in steps[n_before:]}) > 1
    if "on_spike" in changes:
        assert "spike" in {step.skipped for step in steps[n_before:]}


def scale_that_moves(self: LossScale, scale: float = 2.0**22, good_steps: int = 0) -> None:
    """A loss scale that begins too high, and grows soon."""
    self.scale, self.good_steps, self.growth_interval = scale, good_steps, 3


def test_a_resumed_run_refuses_other_data(tmp_path: Path) -> None:
    trainer = new_trainer(tmp_path)
    next(iter(trainer))
    trainer.save()
    with pytest.raises(ValueError, match="other data"):
        Trainer.resume(tmp_path, rows(seed=4))


@pytest.mark.error_contract
def test_a_resumed_run_names_the_options_that_would_alter_it(tmp_path: Path) -> None:
    new_trainer(tmp_path).save()
    free = {"checkpoint_every": 5, "evaluate_every": 2, "evaluate_rows": 3, "sample_every": 4}
    resumed = Trainer.resume(tmp_path, rows(), changes={**free, "lr": 1e-2})
    assert {name: getattr(resumed.config, name) for name in free} == free
    with pytest.raises(
        ValueError, match=r"another run .*: lr \(0.01 to 0.02\), steps \(12 to 20\)|steps .*lr"
    ):
        Trainer.resume(tmp_path, rows(), changes={"lr": 2e-2, "steps": 20})
    with pytest.raises(ValueError, match="TrainConfig has no field lrr: did you mean lr"):
        Trainer.resume(tmp_path, rows(), changes={"lrr": 2e-2})


def broken_values(key: str, value: object) -> Callable[[dict[str, object]], dict[str, object]]:
    return lambda values: values | {key: value}


@pytest.mark.error_contract
@pytest.mark.parametrize(
    ("break_values", "tensors", "said"),
    [
        (lambda values: {"step": 1}, {}, "state of its run cannot be read"),
        (broken_values("config", {"surprise": 1}), {}, "no field surprise"),
        (broken_values("config", {"steps": "many"}), {}, "steps is 'many'"),
        (broken_values("config", 3), {}, "state of its run cannot be read"),
        (broken_values("step", -1), {}, "step is -1"),
        (broken_values("surprise", 1), {}, "no field surprise"),
        (broken_values("loss_scale", 4.0), {}, "loss_scale is 4.0, dtype 'float32'"),
        (broken_values("watch", {"loss": ["high"]}), {}, "watch of loss"),
        (broken_values("watch", {"loss": [1.0] * 1000}), {}, "watch of loss"),
        (broken_values("watch", [1]), {}, "state of its run cannot be read"),
        (dict, {"exp_avg.nobody": torch.zeros(3)}, "exp_avg.nobody fits no parameter"),
        (dict, {"exp_avg.norm.weight": torch.zeros(3)}, "exp_avg.norm.weight fits no parameter"),
    ],
)
def test_a_broken_state_is_named(
    tmp_path: Path,
    break_values: Callable[[dict[str, object]], dict[str, object]],
    tensors: dict[str, torch.Tensor],
    said: str,
) -> None:
    trainer = new_trainer(tmp_path)
    trainer.save()
    values = break_values(load_for_training(tmp_path)[2].values)
    save_native(trainer.model, None, tmp_path, TrainingState(values, tensors))
    with pytest.raises(CheckpointError, match=said):
        Trainer.resume(tmp_path, rows())


def test_a_loss_that_is_not_finite_stops_the_run_before_the_update(tmp_path: Path) -> None:
    trainer = new_trainer(tmp_path)
    for _ in range(2):
        next(iter(trainer))
    trainer.save()
    before = weights(trainer).clone()
    with torch.no_grad():
        trainer.model.layers[1].ffn_norm.weight[3] = float("inf")
    with pytest.raises(
        TrainingError,
        match=r"step 3: the loss \(nan\) is not finite, .* output of layers.1.ffn_norm; weights",
    ):
        next(iter(trainer))
    assert trainer.step == 2
    kept = torch.cat([p.detach().flatten() for p in load(tmp_path)[0].parameters()])
    assert torch.equal(kept, before)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_gradient_that_is_not_finite_is_named(dtype: str) -> None:
    trainer = new_trainer(dtype=dtype)
    next(iter(trainer))
    before = weights(trainer).clone()
    trainer.model.layers[0].attention.wk.weight.register_hook(lambda gradient: gradient * float("inf"))
    with pytest.raises(
        TrainingError, match=r"step 2: the gradient's norm is not finite, .* of layers.0.attention.wk.weight;"
    ):
        next(iter(trainer))
    assert torch.equal(weights(trainer), before)
    assert all(float(state["step"]) == 1 for state in trainer.optimizer.state.values())


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


def test_readings_samples_and_checkpoints_come_when_they_are_due(tmp_path: Path) -> None:
    tokenizer = Tokenizer.train(["the fox and the dog. " * 20], 260)
    model = Llama(CFG.replace(vocab_size=tokenizer.vocab_size))
    config = TrainConfig(
        7, batch_size=4, evaluate_every=2, evaluate_rows=5, sample_every=3, checkpoint_every=5
    )
    trainer = Trainer(model, rows(), config, tokenizer, tmp_path, held_out=rows(seed=9), peak_flops=1e12)
    steps = {}
    for step in trainer:
        steps[step.step] = step
        if step.step == 4:
            assert step.held_out == trainer.evaluate(rows(seed=9), 5)
    assert [n for n, step in steps.items() if step.held_out is not None] == [2, 4, 6]
    assert [n for n, step in steps.items() if step.sample is not None] == [3, 6]
    assert load_for_training(tmp_path)[2].values["step"] == 5
    work = model.cfg.flops_per_token(16) * 4 * 16
    for step in steps.values():
        assert step.tokens_per_second == pytest.approx(4 * 16 / step.seconds)
        assert step.mfu == pytest.approx(work / step.seconds / 1e12)
    lines = log.read(tmp_path)
    assert [line.get("held_out") for line in lines] == [step.held_out for step in steps.values()]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # torch's own, while it imports and traces
def test_a_compiled_run_equals_the_eager_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Traced, but not translated to C++, which takes half a minute."""
    eager = [step.loss for step in new_trainer(steps=3)]
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="eager"))
    assert [step.loss for step in new_trainer(steps=3, compile=True)] == pytest.approx(eager, rel=1e-6)


@pytest.mark.error_contract
def test_a_batch_must_be_shared_evenly() -> None:
    with pytest.raises(ValueError, match="batch_size 4 is not a multiple of accumulate 3"):
        TrainConfig(1, batch_size=4, accumulate=3)
    from minillama.training import Placement

    placement = Placement()
    placement.world = 2
    with pytest.raises(ValueError, match="batch_size 6 cannot be shared by 2 processes with 2 micro-batches"):
        Trainer(new_model(), rows(), TrainConfig(1, batch_size=6, accumulate=2), placement=placement)


def test_epochs_visit_every_row_once_in_an_order_of_their_own() -> None:
    data = rows()
    per_epoch = len(data) // 4
    epochs = [[data.batch(epoch * per_epoch + i, 4)[0] for i in range(per_epoch)] for epoch in (0, 1)]
    seen = [{row.tobytes() for batch in epoch for row in batch} for epoch in epochs]
    assert len(seen[0]) == len(seen[1]) == per_epoch * 4
    assert not np.array_equal(epochs[0][0], epochs[1][0])


def test_schedule_rises_to_the_peak_and_falls_to_a_tenth() -> None:
    rates = [cosine(step, steps=101, warmup=10) for step in range(101)]
    assert rates[10] == 1.0 == max(rates)
    assert all(a < b for a, b in itertools.pairwise(rates[:11]))
    assert all(a > b for a, b in itertools.pairwise(rates[10:]))
    assert rates[-1] == pytest.approx(0.1, abs=1e-12)
    run = list(new_trainer(steps=6, warmup=2, min_lr=0.5))
    assert [step.lr for step in run] == [1e-2 * cosine(step, 6, 2, 0.5) for step in range(6)]


def test_the_log_passes_over_what_a_crash_cut_short(tmp_path: Path) -> None:
    step = Step(1, 2.0, 1e-3, float("inf"), 64, 0.5, 128.0, skipped="overflow")
    assert json.loads(step.to_json()) == {
        "step": 1, "loss": 2.0, "lr": 1e-3, "tokens": 64, "seconds": 0.5, "tokens_per_second": 128.0,
        "skipped": "overflow",
    }  # fmt: skip
    log.append(tmp_path, step)
    log.append(tmp_path, replace(step, step=2))
    with (tmp_path / log.FILE).open("ab") as file:
        file.write(b'[1]\n"text"\n\xff\xfe\n{"step": "3"}\n{"step": 3, "lo')
    assert [line["step"] for line in log.read(tmp_path)] == [1, 2]
    log.shorten(tmp_path, 1)
    assert (tmp_path / log.FILE).read_text() == step.to_json() + "\n"
    assert log.read(tmp_path / "nowhere") == []


@pytest.mark.error_contract
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"steps": 0}, "steps is 0: expected a whole number of at least 1"),
        ({"steps": 2.5}, "steps is 2.5: expected a whole number"),
        ({"lr": float("nan")}, "lr is nan: expected a finite number above 0"),
        ({"warmup": -1}, "warmup is -1"),
        ({"beta2": 1.0}, "beta2 is 1.0: expected at least 0 and below 1"),
        ({"weight_decay": float("nan")}, "weight_decay is nan"),
        ({"z_loss": -1e-4}, "z_loss is -0.0001"),
        ({"min_lr": 1.5}, "min_lr is 1.5: expected a share of the peak"),
        ({"dtype": "fp16"}, "dtype is 'fp16': expected one of float32, bfloat16, float16"),
        ({"on_spike": "cry"}, "on_spike is 'cry': expected 'log' or 'skip'"),
        ({"mask_documents": 1}, "mask_documents is 1: expected True or False"),
    ],
)
def test_configurations_that_make_no_sense_are_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        TrainConfig(**({"steps": 1} | changes))  # type: ignore[arg-type]


@pytest.mark.error_contract
def test_rows_that_fill_no_batch_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot fill a batch"):
        rows().batch(0, 1000)
    assert isinstance(rows(), Rows)
