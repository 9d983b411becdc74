"""One update: micro-batches add up, sixteen bits stay close, the loss scale moves as torch's does."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from training.runs import new_model

from minillama.data.packing import IGNORE_INDEX, Rows
from minillama.model import Llama
from minillama.training import LossScale, Placement, TrainConfig, adamw
from minillama.training.reading import evaluate, micro_batches
from minillama.training.update import Updater

CPU = torch.device("cpu")


def uneven_rows(count: int = 8) -> Rows:
    """Rows of which each has fewer targets than the one before, the last one only one."""
    rng = np.random.default_rng(1)
    tokens, targets = rng.integers(0, 32, (2, count, 16))
    documents = np.cumsum(rng.random((count, 16)) < 0.2, axis=1)
    for row in range(count):
        targets[row, max(1, 16 - 2 * row) :] = IGNORE_INDEX
    return Rows(tokens, targets, seed=5, document_ids=documents)


def gradients(model: Llama) -> Tensor:
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


def update(model: Llama, **changes: object) -> tuple[Tensor, object]:
    """The gradient of one batch, found by an update with no learning rate and no clipping."""
    config = TrainConfig(**({"steps": 1, "batch_size": 8, "grad_clip": 1e9} | changes))  # type: ignore[arg-type]
    placement = Placement()
    result = Updater(model, config, placement)(
        micro_batches(uneven_rows(), 0, config, placement, CPU), lr=0.0
    )
    return gradients(model), result


@pytest.mark.parametrize("accumulate", [1, 2, 4, 8])
@pytest.mark.parametrize("mask_documents", [False, True])
def test_micro_batches_add_up_to_the_whole_batch(accumulate: int, mask_documents: bool) -> None:
    model = new_model().double()
    tokens, targets = map(torch.from_numpy, uneven_rows().batch(0, 8))
    documents = torch.from_numpy(uneven_rows().documents(0, 8)) if mask_documents else None
    loss = model.loss(tokens, targets, documents)
    loss.backward()
    expected = gradients(model).clone()
    found, result = update(model, accumulate=accumulate, mask_documents=mask_documents)
    scale = expected.abs().max()
    assert (found - expected).abs().max() < 1e-14 * scale  # float64: the order of a few sums
    assert result.loss == pytest.approx(loss.item(), rel=1e-14)
    assert result.tokens == int((targets != IGNORE_INDEX).sum())
    if accumulate > 1:  # the mean of the parts' means is another gradient, far outside of that
        model.zero_grad()
        parts = zip(tokens.chunk(accumulate), targets.chunk(accumulate), strict=True)
        (sum(model.loss(t, y) for t, y in parts) / accumulate).backward()  # type: ignore[union-attr]
        assert (gradients(model) - expected).abs().max() > 1e-2 * scale


def test_the_z_loss_adds_its_gradient_and_is_told_apart() -> None:
    model = new_model().double()
    tokens, targets = map(torch.from_numpy, uneven_rows().batch(0, 8))
    nats = model.loss(tokens, targets)
    log_z = torch.logsumexp(model(tokens), -1)[targets != IGNORE_INDEX]
    (nats + 0.3 * log_z.square().mean()).backward()
    expected = gradients(model).clone()
    found, result = update(model, z_loss=0.3, accumulate=4)
    assert (found - expected).abs().max() < 1e-13 * expected.abs().max()
    assert result.loss == pytest.approx(nats.item(), rel=1e-13)
    assert result.z_loss == pytest.approx(0.3 * log_z.square().mean().item(), rel=1e-13)


@pytest.mark.parametrize(("dtype", "tolerance"), [("bfloat16", 2e-2), ("float16", 3e-3)])
def test_sixteen_bits_stay_close_to_thirty_two(dtype: str, tolerance: float) -> None:
    """Tolerance: a few times 2**-8 or 2**-11, the rounding of a product's inputs."""
    exact, _ = update(new_model())
    found, result = update(new_model(), dtype=dtype)
    assert found.dtype == torch.float32
    distance = float((found - exact).norm() / exact.norm())
    assert 0 < distance < tolerance
    assert result.loss_scale == (2.0**16 if dtype == "float16" else None)


def test_small_gradients_vanish_in_float16_without_a_scale() -> None:
    """Targets so many, or a loss so small, that the logits' gradients are below 6e-8."""
    exact, _ = update(new_model())
    errors = {}
    for scale in (2.0**-16, 2.0**16):
        model = new_model()
        config = TrainConfig(steps=1, batch_size=8, grad_clip=1e9, dtype="float16")
        updater = Updater(model, config, Placement())
        updater.scale = LossScale(scale)
        updater(micro_batches(uneven_rows(), 0, config, Placement(), CPU), lr=0.0)
        errors[scale] = float((gradients(model) - exact).norm() / exact.norm())
    assert errors[2.0**16] < 3e-3
    assert errors[2.0**-16] > 0.3


def test_an_overflow_leaves_the_step_out_and_halves_the_scale() -> None:
    model = new_model()
    config = TrainConfig(steps=9, batch_size=8, dtype="float16", lr=1e-2)
    updater = Updater(model, config, Placement())
    updater.scale = LossScale(2.0**40)
    batch = micro_batches(uneven_rows(), 0, config, Placement(), CPU)
    before = [p.detach().clone() for p in model.parameters()]
    results = [updater(batch, lr=1e-2)]
    assert results[0].skipped == "overflow"
    assert all(torch.equal(p, q) for p, q in zip(model.parameters(), before, strict=True))
    assert not updater.optimizer.state
    while results[-1].skipped:
        results.append(updater(batch, lr=1e-2))
    assert [result.loss_scale for result in results] == [2.0 ** (40 - n) for n in range(len(results))]
    assert all(int(state["step"]) == 1 for state in updater.optimizer.state.values())
    assert not torch.equal(next(model.parameters()), before[0])
    assert not updater.watch.memory()["loss"][1:]  # steps that overflowed are not remembered


def test_the_scale_moves_as_torchs_does() -> None:
    flags = np.random.default_rng(7).random(200) < 0.15
    ours = LossScale(2.0**10, growth_interval=4)
    theirs = torch.amp.GradScaler("cpu", init_scale=2.0**10, growth_interval=4)
    parameter = torch.nn.Parameter(torch.zeros(()))
    optimizer = torch.optim.SGD([parameter], lr=0.1)
    for overflowed in flags.tolist():
        theirs.scale(torch.ones(()))
        parameter.grad = torch.tensor(float("inf") if overflowed else 1.0)
        theirs.step(optimizer)
        theirs.update()
        ours.update(overflowed)
        assert ours.scale == theirs.get_scale()


def test_a_jump_is_logged_or_left_out() -> None:
    for on_spike, left_out in (("log", None), ("skip", "spike")):
        model = new_model()
        config = TrainConfig(steps=40, batch_size=4, lr=1e-3, on_spike=on_spike)
        updater = Updater(model, config, Placement())
        for _ in range(20):
            result = updater(micro_batches(uneven_rows(4), 0, config, Placement(), CPU), lr=1e-4)
            assert result.spike is None
        before = next(model.parameters()).detach().clone()
        with torch.no_grad():
            model.output.weight[7] += 10.0
        result = updater(micro_batches(uneven_rows(4), 0, config, Placement(), CPU), lr=1e-4)
        assert result.spike == "loss"
        assert result.skipped == left_out
        assert torch.equal(next(model.parameters()), before) == (left_out is not None)


@pytest.mark.parametrize("count", [1, 3, 4, 7, 8, None])
def test_the_held_out_loss_is_the_mean_over_its_targets(count: int | None) -> None:
    """Whole micro-batches, a rest that fills none, and fewer rows than one."""
    model, rows = new_model().double(), uneven_rows()
    config = TrainConfig(steps=1, batch_size=8, accumulate=2, mask_documents=True)
    found = evaluate(model.loss_sums, rows, count, config, Placement(), CPU)
    n = count or len(rows)
    singles = [(*rows.batch(i, 1), rows.documents(i, 1)) for i in range(n)]
    tokens, targets, documents = (
        torch.from_numpy(np.concatenate(part)) for part in zip(*singles, strict=True)
    )
    assert found == pytest.approx(model.loss(tokens, targets, documents).item(), rel=1e-12)


def test_matrices_decay_and_vectors_do_not() -> None:
    model = Llama(new_model().cfg.replace(attention_bias=True, tie_embeddings=True))
    for decay_embeddings in (True, False):
        decayed, kept = adamw(model, 1e-3, decay_embeddings=decay_embeddings).param_groups
        assert (decayed["weight_decay"], kept["weight_decay"]) == (0.1, 0.0)
        ids = {id(p) for p in decayed["params"]}
        names = {name for name, p in model.named_parameters() if id(p) in ids}
        spared = {name for name, _ in model.named_parameters()} - names
        assert all("norm" in name or "bias" in name or name == "tok_embeddings.weight" for name in spared)
        assert ("tok_embeddings.weight" in names) == decay_embeddings
        assert "layers.1.feed_forward.w_down.weight" in names
