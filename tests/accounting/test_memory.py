"""Bytes by formula: against published figures, tensors that PyTorch keeps, and each other under sharding."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from minillama import kernels
from minillama.accounting import (
    FULL,
    MIXED,
    Layout,
    activation_bytes_per_token,
    count_parameters,
    kv_cache_bytes,
    training_memory,
)
from minillama.config import LlamaConfig
from minillama.model import KVCache, Llama

named = LlamaConfig.named


@pytest.mark.parametrize(
    ("name", "per_token"),
    [
        ("llama-1-7b", 524_288),
        ("llama-2-7b", 524_288),
        ("llama-2-70b", 327_680),
        ("llama-3-8b", 131_072),
        ("llama-3.1-405b", 516_096),
    ],
)
def test_cache_bytes_per_token(name: str, per_token: int) -> None:
    assert named(name).kv_cache_bytes(1, 1) == per_token
    assert kv_cache_bytes(named(name), batch=3, seq_len=7, dtype_bytes=1) == 3 * 7 * per_token // 2


def test_the_cache_of_the_model_is_this_large() -> None:
    cfg = LlamaConfig()
    tensors = [value for value in vars(KVCache(cfg, batch=3, capacity=10)).values() if torch.is_tensor(value)]
    assert sum(t.numel() * t.element_size() for t in tensors) == cfg.kv_cache_bytes(3, 10, dtype_bytes=4)


def test_sixteen_bytes_per_parameter() -> None:
    cfg = named("llama-2-7b")
    for precision in (MIXED, FULL):
        need = training_memory(cfg, 1, 4096, precision=precision)
        assert need.weights + need.gradients + need.optimizer == 16 * cfg.n_params()
        assert need.gathered == 0
        assert need.total == 16 * cfg.n_params() + need.activations + need.logits


@pytest.mark.parametrize(
    "cfg",
    [LlamaConfig(), LlamaConfig(vocab_size=900, dim=256, n_heads=8, n_layers=3, hidden_dim=700)],
    ids=["default", "wide"],
)
def test_activations_are_near_what_torch_keeps(cfg: LlamaConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "_chosen", "eager")
    model, tokens = Llama(cfg), torch.zeros(2, 100, dtype=torch.int64)
    own = {t.untyped_storage().data_ptr() for t in [*model.parameters(), *model.buffers()]}
    kept: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model.loss(tokens, tokens)
    measured = sum(storage.nbytes() for storage in kept.values())
    need = training_memory(cfg, 2, 100, precision=FULL)
    # Half of the logits' part is a gradient, which is not there yet. Plain PyTorch on a CPU also keeps each
    # norm's unscaled result and a second copy of the mixed values.
    assert 1.0 <= measured / (need.activations + need.logits // 2) <= 1.2


def test_recomputing_keeps_one_block_and_the_inputs_of_all() -> None:
    cfg = LlamaConfig(n_layers=1)
    one = training_memory(cfg, 1, 10).activations
    again = Layout(recompute=True)
    block_input = 10 * cfg.dim * 2
    assert training_memory(cfg, 1, 10, again).activations == one + block_input
    assert training_memory(cfg.replace(n_layers=10), 1, 10, again).activations == one + 10 * block_input


def test_activations_of_one_token_by_hand() -> None:
    # C 4, D 2, H 2, K 1, F 3: 4*4 + 2*2*(2+1) + 4*3 = 40 numbers and a 4-byte number for each of 2 heads
    cfg = LlamaConfig(vocab_size=7, dim=4, n_layers=3, n_heads=2, n_kv_heads=1, hidden_dim=3)
    assert activation_bytes_per_token(cfg) == 3 * (40 * 2 + 8) + 2 * 4 * 2
    assert training_memory(cfg, 5, 11).activations == 55 * activation_bytes_per_token(cfg)
    assert training_memory(cfg, 5, 11).logits == 55 * 7 * 8
    assert training_memory(cfg, 5, 11, logits_at_once=14).logits == 14 * 8
    assert training_memory(cfg, 5, 11, logits_at_once=10**6).logits == 55 * 7 * 8


def test_stages_of_zero_divide_one_part_after_the_other() -> None:
    # arXiv 1910.02054, figure 1: 7.5B parameters, 64 replicas: 120, 31.4, 16.6, 1.9 GB, with nothing gathered
    cfg = LlamaConfig(vocab_size=2, dim=2, n_heads=1, n_kv_heads=1, n_layers=1, hidden_dim=1_250_000_000)
    assert cfg.n_params() == pytest.approx(7.5e9, rel=1e-6)
    found = [training_memory(cfg, 1, 1, Layout(data=64, zero=zero)) for zero in range(4)]
    held = [(need.weights + need.gradients + need.optimizer) / 1e9 for need in found]
    assert held == pytest.approx([120, 31.4, 16.6, 1.9], abs=0.05)


def test_what_is_gathered_of_sharded_weights() -> None:
    cfg = named("llama-1-7b")
    count = count_parameters(cfg)
    block = (count.non_embedding - cfg.dim) // cfg.n_layers
    ends = count.embedding + count.output + cfg.dim
    assert training_memory(cfg, 1, 1, Layout(data=2, zero=1)).gathered == 0
    assert training_memory(cfg, 1, 1, Layout(data=2, zero=2)).gathered == 2 * block
    assert training_memory(cfg, 1, 1, Layout(data=2, zero=3)).gathered == 2 * block + 2 * (2 * block + ends)
    assert training_memory(cfg, 1, 1, Layout(data=1, zero=3)).gathered == 0


def test_tensor_slices_divide_all_but_the_norms() -> None:
    cfg = named("llama-2-70b")
    one, eight = (training_memory(cfg, 1, 4096, Layout(tensor=t)) for t in (1, 8))
    norms = count_parameters(cfg).norms
    assert eight.weights == 2 * (norms + (cfg.n_params() - norms) // 8)
    assert (eight.activations, eight.logits) == (one.activations // 8, one.logits // 8)


shapes = st.builds(
    lambda groups, kv, half, layers, wide, vocab: LlamaConfig(
        vocab_size=vocab, dim=2 * half * groups * kv, n_layers=layers, n_heads=groups * kv, n_kv_heads=kv,
        hidden_dim=wide,
    ),
    st.integers(1, 4), st.integers(1, 4), st.integers(1, 16), st.integers(1, 5), st.integers(1, 300),
    st.integers(2, 900),
)  # fmt: skip
stages, ways = st.integers(0, 3), st.sampled_from([1, 2, 4, 8])


@given(shapes, stages, ways, st.integers(1, 200), st.integers(1, 50), st.booleans())
def test_more_gpus_never_mean_more_on_each(
    cfg: LlamaConfig, zero: int, tensor: int, data: int, more: int, recompute: bool
) -> None:
    few = training_memory(cfg, 2, 33, Layout(data, tensor, zero, recompute))
    assert training_memory(cfg, 2, 33, Layout(data + more, tensor, zero, recompute)).total <= few.total
    assert training_memory(cfg, 2, 33, Layout(data, 2 * tensor, zero, recompute)).total <= few.total


@given(shapes, stages, ways, st.integers(1, 64), st.integers(1, 5), st.integers(1, 40))
def test_nothing_is_lost_by_sharing(
    cfg: LlamaConfig, zero: int, tensor: int, data: int, batch: int, seq_len: int
) -> None:
    layout = Layout(data, tensor, zero)
    alone, shared = training_memory(cfg, batch, seq_len), training_memory(cfg, batch, seq_len, layout)
    assert shared.weights * layout.gpus >= alone.weights
    assert shared.optimizer * layout.gpus >= alone.optimizer
    assert shared.activations * tensor >= alone.activations
    assert training_memory(cfg, batch, seq_len, Layout(data, tensor, zero, True)).total <= (
        shared.total + batch * seq_len * cfg.dim * 2  # with one layer it keeps that layer's input as well
    )


@pytest.mark.error_contract
def test_what_cannot_be() -> None:
    with pytest.raises(ValueError, match="batch is -1"):
        kv_cache_bytes(LlamaConfig(), -1, 1)
    with pytest.raises(ValueError, match="batch is 0: expected a whole number of at least 1"):
        training_memory(LlamaConfig(), 0, 1)
    with pytest.raises(ValueError, match="expected a dense model"):
        training_memory(named("mixtral-8x7b"), 1, 1)
    with pytest.raises(ValueError, match="zero is 4: expected a stage from 0"):
        Layout(zero=4)
    with pytest.raises(ValueError, match="tensor is 0"):
        Layout(tensor=0)
