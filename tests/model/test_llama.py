"""The model's cache, mask, loss and refusals. Against NumPy and transformers: tests/agreement."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from minillama import kernels
from minillama.config import LlamaConfig
from minillama.kernels.memory import LiveMemory
from minillama.model import KVCache, Llama


def small(**changes: object) -> LlamaConfig:
    base: dict[str, object] = {
        "vocab_size": 61, "dim": 24, "n_layers": 2, "n_heads": 6, "n_kv_heads": 2, "hidden_dim": 40,
        "max_seq_len": 32, "rope_theta": 100.0,
    }  # fmt: skip
    return LlamaConfig.from_dict(base | changes)


def seeded(cfg: LlamaConfig, seed: int = 0, dtype: torch.dtype = torch.float32) -> Llama:
    model = Llama(cfg)
    model.init_weights(torch.Generator().manual_seed(seed))
    return model.to(dtype)


SHAPES = [
    {},
    {"n_kv_heads": 6},
    {"n_kv_heads": 1, "tie_embeddings": True},
    {"head_dim": 10},
    {
        "rope_scaling": {
            "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 16,
        }
    },
]  # fmt: skip


@given(
    chunks=st.lists(st.integers(1, 7), min_size=2, max_size=8), kv=st.sampled_from([1, 2, 3, 6]),
    window=st.sampled_from([None, 1, 4, 50]),
)  # fmt: skip
@hypothesis_settings(max_examples=25)
def test_cached_logits_equal_uncached_in_whatever_chunks(
    chunks: list[int], kv: int, window: int | None
) -> None:
    length = sum(chunks)
    model = seeded(small(n_kv_heads=kv, sliding_window=window, max_seq_len=56), dtype=torch.float64)
    tokens = torch.randint(0, 61, (2, length), generator=torch.Generator().manual_seed(length))
    cache = KVCache(model.cfg, batch=2, capacity=length, dtype=torch.float64)
    with torch.no_grad():
        pieces = [model(chunk, cache=cache) for chunk in tokens.split(chunks, dim=1)]
        whole = model(tokens)
    torch.testing.assert_close(torch.cat(pieces, dim=1), whole, rtol=0, atol=1e-12)
    assert cache.length == length


def test_a_table_made_without_gradients_serves_training() -> None:
    model = seeded(small(rope_theta=123.0))
    tokens = torch.zeros(1, 6, dtype=torch.int64)
    with torch.inference_mode():
        model(tokens)
    model.loss(tokens, tokens).backward()
    assert model.tok_embeddings.weight.grad is not None


def test_no_position_sees_a_later_one() -> None:
    model = seeded(small(), dtype=torch.float64)
    tokens = torch.randint(0, 61, (1, 12), generator=torch.Generator().manual_seed(2))
    changed = tokens.clone()
    changed[0, 7] = (changed[0, 7] + 1) % 61
    with torch.no_grad():
        before, after = model(tokens), model(changed)
    assert torch.equal(before[:, :7], after[:, :7])
    assert not torch.allclose(before[:, 7], after[:, 7])


def test_sliding_window_forgets_what_is_farther_back() -> None:
    model = seeded(small(sliding_window=3, n_layers=1), dtype=torch.float64)
    tokens = torch.randint(0, 61, (1, 10), generator=torch.Generator().manual_seed(3))
    changed = tokens.clone()
    changed[0, 2] = (changed[0, 2] + 1) % 61
    with torch.no_grad():
        difference = (model(tokens) - model(changed)).abs().amax(-1)[0]
    assert (difference[2:5] > 0).all()
    assert (difference[5:] == 0).all()


def test_loss_is_the_mean_over_targets_that_count() -> None:
    model = seeded(small(), dtype=torch.float64)
    tokens = torch.randint(0, 61, (2, 9), generator=torch.Generator().manual_seed(4))
    targets = tokens.roll(-1, dims=1)
    targets[0, 5:] = -100
    with torch.no_grad():
        p = model(tokens).softmax(-1)
    nats = [-p[b, t, targets[b, t]].log().item() for b in range(2) for t in range(9) if targets[b, t] != -100]
    assert model.loss(tokens, targets).item() == pytest.approx(sum(nats) / len(nats), rel=1e-12)


def test_parameters_are_those_that_the_configuration_counts() -> None:
    for changes in SHAPES:
        model = Llama(small(**changes))
        assert sum(p.numel() for p in model.parameters()) == model.cfg.n_params()


@pytest.mark.error_contract
def test_too_long_an_input_is_refused() -> None:
    model = seeded(small(max_seq_len=8))
    with pytest.raises(ValueError, match="9 positions, but max_seq_len is 8"):
        model(torch.zeros(1, 9, dtype=torch.int64))
    with pytest.raises(ValueError, match="the cache holds 4 positions, 5 were asked for"):
        model(torch.zeros(1, 5, dtype=torch.int64), cache=KVCache(model.cfg, 1, capacity=4))


def test_the_loss_in_chunks_of_positions_is_the_loss_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """So are its gradients, and what z-loss adds."""
    model = seeded(small(), dtype=torch.float64)
    tokens = torch.randint(0, 61, (2, 7), generator=torch.Generator().manual_seed(0))
    targets = tokens.roll(-1, 1)
    targets[1, 3:] = -100

    def gradients() -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        model.zero_grad()
        loss, nats = model.loss_sums(tokens, targets, z_loss=1e-2)
        assert not nats.requires_grad
        loss.backward()
        return torch.stack([loss, nats]).detach(), {n: p.grad for n, p in model.named_parameters()}

    sums, expected = gradients()
    monkeypatch.setattr("minillama.kernels.eager.LOGITS_AT_ONCE", 4 * 61)
    found_sums, found = gradients()
    torch.testing.assert_close(found_sums, sums, rtol=1e-12, atol=0)
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("positions", [100, 1600])
def test_the_loss_in_chunks_bounds_the_memory_of_logits(
    positions: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole, logits, their softmax and their gradient stand side by side; in chunks, those of one chunk."""
    monkeypatch.setattr(kernels, "_chosen", "eager")  # inside of an operator memory cannot be watched
    cfg = small(vocab_size=2003, max_seq_len=positions)
    model, chunk = seeded(cfg), 20 * 2003 * 4  # bytes of 20 positions' logits
    tokens = torch.randint(0, 2003, (1, positions), generator=torch.Generator().manual_seed(0))
    head = model.output.weight.nbytes

    def peak(at_once: int) -> LiveMemory:
        monkeypatch.setattr("minillama.kernels.eager.LOGITS_AT_ONCE", at_once)
        model.zero_grad()
        with LiveMemory() as memory:
            model.loss(tokens, tokens).backward()
        return memory

    with LiveMemory() as body:
        model.hidden(tokens).sum().backward()
    whole, chunked = peak(2**40), peak(20 * 2003)
    logits = positions * 2003 * 4
    assert whole.largest == logits
    assert whole.peak > 3 * logits
    assert chunked.largest < max(2 * chunk, body.largest + 1)
    assert chunked.peak < body.peak + 4 * chunk + 2 * head  # the head's gradient, and one chunk's share of it


@given(
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=5), window=st.sampled_from([None, 1, 3]),
    kv=st.sampled_from([1, 3, 6]),
)  # fmt: skip
@hypothesis_settings(max_examples=25)
def test_a_document_is_computed_as_if_it_were_alone(lengths: list[int], window: int | None, kv: int) -> None:
    """Rotary positions are relative, so that it may stand anywhere in its row."""
    model = seeded(small(sliding_window=window, n_kv_heads=kv, max_seq_len=45), dtype=torch.float64)
    generator = torch.Generator().manual_seed(sum(lengths))
    tokens, targets = torch.randint(0, 61, (2, 1, sum(lengths)), generator=generator)
    documents = torch.arange(len(lengths)).repeat_interleave(torch.tensor(lengths))[None]
    together = model.hidden(tokens, documents=documents)
    alone = torch.cat([model.hidden(text) for text in tokens.split(lengths, dim=1)], dim=1)
    torch.testing.assert_close(together, alone, rtol=1e-9, atol=1e-11)
    nats, _ = model.loss_sums(tokens, targets, documents)
    parts = zip(tokens.split(lengths, dim=1), targets.split(lengths, dim=1), strict=True)
    expected = sum(model.loss_sums(*part)[0] for part in parts)
    torch.testing.assert_close(nats, expected, rtol=1e-11, atol=0)


def test_rows_of_a_batch_have_their_own_documents() -> None:
    model = seeded(small(), dtype=torch.float64)
    tokens = torch.randint(0, 61, (1, 8), generator=torch.Generator().manual_seed(5)).expand(2, 8)
    documents = torch.tensor([[0] * 8, [0] * 3 + [1] * 5])
    whole, cut = model.hidden(tokens, documents=documents)
    torch.testing.assert_close(whole, model.hidden(tokens[:1])[0], rtol=1e-9, atol=1e-11)
    assert torch.equal(whole[:3], cut[:3])
    assert not torch.isclose(whole[3:], cut[3:]).all(-1).any()


@pytest.mark.error_contract
def test_documents_that_do_not_fit_are_refused() -> None:
    model = seeded(small())
    tokens = torch.zeros(1, 4, dtype=torch.int64)
    with pytest.raises(ValueError, match=r"documents have shape \(1, 3\), tokens \(1, 4\)"):
        model.hidden(tokens, documents=tokens[:, :3])
    cache = KVCache(model.cfg, 1)
    model(tokens, cache=cache)
    with pytest.raises(ValueError, match="documents number 4 positions, expected all 8 and no cache"):
        model.hidden(tokens, cache=cache, documents=tokens)
