"""The model against transformers, its cache against itself without, and its mask."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from minillama.config import LlamaConfig
from minillama.evaluation.peers import transformers_twin
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


@pytest.mark.parametrize("changes", SHAPES)
def test_logits_equal_those_of_transformers(changes: dict[str, object]) -> None:
    model = seeded(small(**changes))
    tokens = torch.randint(0, 61, (2, 17), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        theirs = transformers_twin(model.cfg, model.state_dict()).float()(tokens).logits
        ours = model(tokens)
    assert (ours - theirs).abs().max() <= 2e-5 * theirs.abs().max()  # float32: a few ulps a layer


@given(
    length=st.integers(2, 20), cut=st.integers(1, 19), kv=st.sampled_from([1, 2, 3, 6]),
    window=st.sampled_from([None, 1, 4, 50]),
)  # fmt: skip
@hypothesis_settings(max_examples=25)
def test_cached_logits_equal_uncached(length: int, cut: int, kv: int, window: int | None) -> None:
    model = seeded(small(n_kv_heads=kv, sliding_window=window), dtype=torch.float64)
    tokens = torch.randint(0, 61, (2, length), generator=torch.Generator().manual_seed(length))
    cut = min(cut, length - 1)
    cache = KVCache(model.cfg, batch=2, capacity=length, dtype=torch.float64)
    with torch.no_grad():
        whole = model(tokens)
        pieces = [model(tokens[:, :cut], cache=cache)]
        pieces += [model(tokens[:, i : i + 1], cache=cache) for i in range(cut, length)]
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
        nats, z = model.loss_sums(tokens, targets, z_loss=1e-2)
        (nats + z).backward()
        return torch.stack([nats, z]).detach(), {n: p.grad for n, p in model.named_parameters()}

    sums, expected = gradients()
    monkeypatch.setattr("minillama.model.llama.LOGITS_AT_ONCE", 4 * 61)
    found_sums, found = gradients()
    torch.testing.assert_close(found_sums, sums, rtol=1e-12, atol=0)
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("window", [None, 3])
def test_a_document_is_computed_as_if_it_were_alone(window: int | None) -> None:
    """Rotary positions are relative, so that it may stand anywhere in its row."""
    model = seeded(small(sliding_window=window), dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    first, second = (torch.randint(0, 61, (1, n), generator=generator) for n in (5, 6))
    documents = torch.tensor([[0] * 5 + [1] * 6])
    together = model.hidden(torch.cat([first, second], 1), documents=documents)
    alone = torch.cat([model.hidden(first), model.hidden(second)], 1)
    torch.testing.assert_close(together, alone, rtol=1e-9, atol=1e-11)
