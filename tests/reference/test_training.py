"""AdamW and clipping against torch's, and the loop against the torch trainer."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from minillama.config import LlamaConfig
from minillama.data.packing import Rows, stream
from minillama.model import Llama
from minillama.reference import AdamW, ReferenceLlama, clip_gradients, cosine, train
from minillama.training import TrainConfig, Trainer

CFG = LlamaConfig(vocab_size=11, dim=16, n_layers=2, n_heads=4, n_kv_heads=2, hidden_dim=24, max_seq_len=32)


def rows(seq_len: int = 12) -> Rows:
    rng = np.random.default_rng(0)
    return stream([rng.integers(0, 11, size=40).tolist() * 6], seq_len, seed=1)


@given(
    seed=st.integers(0, 2**32 - 1), lr=st.sampled_from([1e-3, 0.1]), beta1=st.sampled_from([0.0, 0.9]),
    beta2=st.sampled_from([0.0, 0.95, 0.999]), eps=st.sampled_from([1e-8, 1e-2]),
    decay=st.sampled_from([0.0, 0.1]),
)  # fmt: skip
@settings(max_examples=30)
def test_adamw_equals_torch_for_ten_steps(seed, lr, beta1, beta2, eps, decay):
    rng = np.random.default_rng(seed)
    weights = {"matrix": rng.normal(size=(3, 4)), "vector": rng.normal(size=4)}
    theirs = {name: torch.nn.Parameter(torch.tensor(w)) for name, w in weights.items()}
    groups = [
        {"params": [theirs["matrix"]], "weight_decay": decay},
        {"params": [theirs["vector"]], "weight_decay": 0.0},
    ]
    torch_optimizer = torch.optim.AdamW(groups, lr=lr, betas=(beta1, beta2), eps=eps)
    optimizer = AdamW(lr, (beta1, beta2), eps, decay)
    for step in range(10):
        grads = {name: rng.normal(size=w.shape) for name, w in weights.items()}
        rate = lr * (1 + step % 3)
        for name, parameter in theirs.items():
            parameter.grad = torch.tensor(grads[name])
        for group in torch_optimizer.param_groups:
            group["lr"] = rate
        torch_optimizer.step()
        optimizer.update(weights, grads, rate)
    for name, w in weights.items():
        np.testing.assert_allclose(w, theirs[name].detach().numpy(), rtol=1e-11, atol=1e-13)


@given(seed=st.integers(0, 2**32 - 1), max_norm=st.sampled_from([0.1, 1.0, 1e3]))
def test_clipping_keeps_the_direction_and_bounds_the_length(seed, max_norm):
    rng = np.random.default_rng(seed)
    before = {"a": rng.normal(size=(3, 4)), "b": rng.normal(size=5)}
    grads = {name: g.copy() for name, g in before.items()}
    flat = np.concatenate([g.ravel() for g in before.values()])
    assert clip_gradients(grads, max_norm) == pytest.approx(np.linalg.norm(flat), rel=1e-14)
    clipped = np.concatenate([g.ravel() for g in grads.values()])
    np.testing.assert_allclose(clipped, flat * min(1, max_norm / np.linalg.norm(flat)), rtol=1e-13)


def test_the_norm_of_float32_gradients_does_not_overflow():
    assert clip_gradients({"w": np.full(4, 1e30, dtype=np.float32)}, 1e31) == pytest.approx(2e30)


def test_thirty_steps_equal_those_of_the_torch_trainer():
    """Forward, backward, AdamW, schedule, order of batches: the same run by two programs, in float64."""
    model = ReferenceLlama(CFG)
    torch_model = Llama(CFG).double()
    torch_model.load_state_dict({name: torch.tensor(w) for name, w in model.weights.items()})
    config = TrainConfig(steps=30, batch_size=4, lr=1e-2, warmup=5, grad_clip=1e9)
    theirs = list(Trainer(torch_model, rows(), config))
    ours = list(train(model, rows(), steps=30, batch_size=4, lr=1e-2, warmup=5, max_norm=1e9))
    np.testing.assert_allclose([s.loss for s in ours], [s.loss for s in theirs], rtol=1e-9)
    np.testing.assert_allclose([s.grad_norm for s in ours], [s.grad_norm for s in theirs], rtol=1e-8)
    assert [s.lr for s in ours] == [s.lr for s in theirs]
    assert [s.step for s in ours] == list(range(1, 31))
    assert ours[-1].loss < ours[0].loss / 2
    for name, parameter in torch_model.named_parameters():
        np.testing.assert_allclose(model.weights[name], parameter.detach().numpy(), atol=1e-8)


def test_clipping_takes_part_in_training():
    free, held = ReferenceLlama(CFG), ReferenceLlama(CFG)
    norms = [s.grad_norm for s in train(held, rows(), steps=3, batch_size=4, max_norm=1e-9)]
    list(train(free, rows(), steps=3, batch_size=4))
    assert min(norms) > 1e-3  # as they were before
    assert not np.allclose(free.weights["output.weight"], held.weights["output.weight"])


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_weights():
    model = ReferenceLlama(CFG)
    run = train(model, rows(), steps=5, batch_size=4)
    next(run)
    model.weights["layers.0.attention.wq.weight"][0, 0] = np.nan
    kept = {name: w.copy() for name, w in model.weights.items()}
    with pytest.raises(ArithmeticError, match=r"step 2: the loss is nan"):
        next(run)
    assert all(np.array_equal(model.weights[name], w, equal_nan=True) for name, w in kept.items())


def test_schedule_is_zero_nowhere_and_symmetric_about_its_middle():
    shares = np.array([cosine(step, 41, 0) for step in range(41)])
    assert shares.min() == pytest.approx(0.1)
    np.testing.assert_allclose(shares + shares[::-1], 1.1, atol=1e-12)


@pytest.mark.error_contract
def test_values_out_of_range_are_refused():
    with pytest.raises(ValueError, match=r"betas \(0\.9, 1\.0\).*and betas below 1"):
        AdamW(betas=(0.9, 1.0))
    with pytest.raises(ValueError, match=r"weight_decay -0\.1"):
        AdamW(weight_decay=-0.1)
