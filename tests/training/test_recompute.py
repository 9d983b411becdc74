"""Activations computed twice: the same loss and gradients to the last bit, and far fewer bytes kept."""

from __future__ import annotations

import pytest
import torch
from training import parallel_worker as worker

from minillama.config import LlamaConfig
from minillama.model import KVCache, Llama
from minillama.training import TrainConfig, Trainer
from minillama.training.recompute import recompute_blocks

CFG = LlamaConfig(
    vocab_size=50, dim=24, n_layers=5, n_heads=4, n_kv_heads=2, head_dim=6, hidden_dim=70, max_seq_len=13
)


def model(recompute: bool) -> Llama:
    made = Llama(CFG)
    made.init_weights(torch.Generator().manual_seed(3))
    if recompute:
        recompute_blocks(made)
    return made


def kept_bytes(model: Llama, tokens: torch.Tensor) -> int:
    """What autograd keeps for the backward pass, parameters left out."""
    own = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model.loss(tokens, tokens)
    return sum(storage.nbytes() for storage in kept.values())


def test_losses_and_gradients_are_the_same_bit_for_bit() -> None:
    tokens = torch.randint(50, (3, 13), generator=torch.Generator().manual_seed(0))
    plain, again = model(False), model(True)
    losses = [one.loss(tokens, tokens) for one in (plain, again)]
    assert torch.equal(*losses)
    for loss in losses:
        loss.backward()
    for (name, p), (other, q) in zip(plain.named_parameters(), again.named_parameters(), strict=True):
        assert name == other
        assert p.grad is not None
        assert torch.equal(p.grad, q.grad)


def test_less_is_kept_than_one_blocks_share_of_all() -> None:
    tokens = torch.zeros(3, 13, dtype=torch.int64)
    assert kept_bytes(model(True), tokens) < kept_bytes(model(False), tokens) / CFG.n_layers


def test_a_model_that_recomputes_still_generates_from_its_cache() -> None:
    tokens = torch.randint(50, (1, 9), generator=torch.Generator().manual_seed(1))
    cache = KVCache(CFG, batch=1)
    with torch.no_grad():
        expected = model(False)(tokens)
        again = model(True)
        parts = [again(tokens[:, :5], cache), again(tokens[:, 5:], cache)]
    # float32: the cache multiplies matrices of other shapes
    torch.testing.assert_close(torch.cat(parts, dim=1), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_run_with_it_is_the_run_without_it(accumulate: int) -> None:
    curves = []
    for recompute in (False, True):
        config = TrainConfig(steps=4, batch_size=4, lr=1e-2, accumulate=accumulate, recompute=recompute)
        run = Trainer(model(recompute=False), worker.rows(), config)
        curves.append([step.loss for step in run])
    assert curves[0] == curves[1]
