"""The NumPy LLaMA: gradients by differences, equality with transformers and with the torch model."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from minillama.checkpoints.hf_names import to_hf
from minillama.config import LlamaConfig
from minillama.evaluation.peers import float64_throughout, transformers_twin
from minillama.model import Llama
from minillama.reference import KVCache, ReferenceLlama, init_weights, relative_error, weight_shapes

from .checking import worst_gradient_error

LLAMA_3_1 = {
    "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}  # fmt: skip


@st.composite
def configs(draw, largest: int = 4, peers: bool = False, **fixed) -> LlamaConfig:
    """Random small models: odd head counts, groups, a head width of its own, tied heads, biases, scalings."""
    n_kv_heads = draw(st.integers(1, 3))
    head_dim = 2 * draw(st.integers(1, largest))
    values = {
        "vocab_size": draw(st.integers(2, 4 * largest)),
        "dim": draw(st.integers(2, 5 * largest)),
        "n_layers": draw(st.integers(1, 2)),
        "n_heads": n_kv_heads * draw(st.integers(1, 3)),
        "n_kv_heads": n_kv_heads,
        "head_dim": head_dim,
        "hidden_dim": draw(st.integers(1, 6 * largest)),
        "max_seq_len": 32,
        "rope_theta": draw(st.sampled_from([10.0, 10_000.0])),
        "rope_scaling": draw(st.sampled_from([None, {"rope_type": "linear", "factor": 2.0}, LLAMA_3_1])),
        "norm_eps": draw(st.sampled_from([1e-5, 1e-2])),
        "tie_embeddings": draw(st.booleans()),
        "attention_bias": draw(st.booleans()),
    }
    if peers:  # transformers asks for a multiple, though head_dim is given
        values["dim"] = values["n_heads"] * draw(st.integers(1, 8))
    else:
        values["qk_norm"] = draw(st.booleans())
        values["sliding_window"] = draw(st.sampled_from([None, 1, 2, 50]))
    return LlamaConfig(**values | fixed)


def model_and_batch(cfg: LlamaConfig, seed: int, T: int, ignored: float = 0.2):
    """Weights (norms not at one, biases not at zero), tokens, and targets of which some are ignored."""
    rng = np.random.default_rng(seed)
    weights = init_weights(cfg, seed, np.float64)
    for w in weights.values():
        if w.ndim == 1:
            w += rng.normal(0, 0.3, size=w.shape)
    # Entries near 1: beside a very short vector, a norm bends faster than finite differences can follow.
    table = weights["tok_embeddings.weight"]
    table[...] = rng.choice([-1.0, 1.0], size=table.shape) * rng.uniform(0.5, 1.5, size=table.shape)
    tokens, targets = rng.integers(0, cfg.vocab_size, size=(2, 2, T))
    targets = np.where(rng.random(targets.shape) < ignored, -100, targets)
    targets[0, 0] = 0  # one at least counts
    return ReferenceLlama(cfg, weights), tokens, targets


@given(cfg=configs(largest=2), seed=st.integers(0, 2**32 - 1), T=st.integers(1, 5))
@settings(max_examples=12)
def test_every_gradient_equals_finite_differences(cfg, seed, T):
    error, name = worst_gradient_error(*model_and_batch(cfg, seed, T))
    assert error < 1e-7, name


@given(cfg=configs(peers=True), seed=st.integers(0, 2**32 - 1), T=st.integers(1, 20))
@settings(max_examples=20)
def test_logits_and_every_gradient_equal_those_of_transformers(cfg, seed, T):
    model, tokens, targets = model_and_batch(cfg, seed, T)
    _, grads = model.loss_and_grads(tokens, targets)
    with float64_throughout():
        theirs = transformers_twin(cfg, model.weights)
        logits = theirs(torch.tensor(tokens)).logits
        F.cross_entropy(logits.flatten(0, 1), torch.tensor(targets).flatten()).backward()
    their_logits = logits.detach().numpy()
    scale = max(1.0, np.abs(their_logits).max())
    assert np.abs(model.forward(tokens) - their_logits).max() <= 1e-10 * scale
    parameters = dict(theirs.named_parameters())
    for name, grad in grads.items():
        expected = parameters[to_hf(name)].grad.numpy()
        assert np.abs(grad - expected).max() <= 1e-9 * max(1.0, np.abs(expected).max()), name


@given(cfg=configs(), seed=st.integers(0, 2**32 - 1), T=st.integers(1, 20))
@settings(max_examples=20)
def test_logits_loss_and_every_gradient_equal_those_of_the_torch_model(cfg, seed, T):
    model, tokens, targets = model_and_batch(cfg, seed, T)
    torch_model = Llama(cfg).double()
    torch_model.load_state_dict(
        {name: torch.tensor(w) for name, w in model.weights.items()}, strict=not cfg.tie_embeddings
    )
    loss = torch_model.loss(torch.tensor(tokens), torch.tensor(targets))
    loss.backward()
    our_loss, grads = model.loss_and_grads(tokens, targets)
    assert our_loss == pytest.approx(loss.item(), rel=1e-12)
    assert model.loss(tokens, targets) == our_loss
    expected = dict(torch_model.named_parameters())
    assert set(grads) == set(expected)
    for name, grad in grads.items():
        theirs = expected[name].grad.numpy()
        assert np.abs(grad - theirs).max() <= 1e-9 * max(1.0, np.abs(theirs).max()), name
    again = ReferenceLlama(cfg, torch_model.state_dict())  # tensors, and a tied head's second name
    np.testing.assert_array_equal(again.forward(tokens), model.forward(tokens))


@given(cfg=configs(), seed=st.integers(0, 2**32 - 1), T=st.integers(2, 12), cut=st.integers(1, 11))
@settings(max_examples=20)
def test_cached_logits_equal_uncached(cfg, seed, T, cut):
    model, tokens, _ = model_and_batch(cfg, seed, T)
    cut, cache = min(cut, T - 1), KVCache(cfg.n_layers)
    pieces = [model.forward(tokens[:, :cut], cache)]
    pieces += [model.forward(tokens[:, i : i + 1], cache) for i in range(cut, T)]
    np.testing.assert_allclose(np.concatenate(pieces, axis=1), model.forward(tokens), rtol=0, atol=1e-12)
    assert cache.length == T


CFG = LlamaConfig(vocab_size=23, dim=24, n_layers=2, n_heads=6, n_kv_heads=2, hidden_dim=40, max_seq_len=16)


def test_float32_follows_float64():
    exact, tokens, targets = model_and_batch(CFG, 0, 12)
    narrow = ReferenceLlama(CFG, exact.weights, np.float32)
    loss, grads = narrow.loss_and_grads(tokens, targets)
    _, exact_grads = exact.loss_and_grads(tokens, targets)
    assert loss == pytest.approx(exact.loss(tokens, targets), rel=1e-5)
    for name, grad in grads.items():
        assert grad.dtype == np.float32
        assert relative_error(grad, exact_grads[name]) < 1e-4, name  # float32 has 6e-8; sums of some 24 x 24


def test_generation_with_and_without_a_cache_is_the_same_and_follows_the_logits():
    model, tokens, _ = model_and_batch(CFG, 1, 5)
    greedy = model.generate(tokens, 100)
    assert greedy.shape == (2, 11)  # the context ends it
    np.testing.assert_array_equal(greedy, model.generate(tokens, 100, use_cache=False))
    whole = np.concatenate([tokens, greedy], axis=1)
    np.testing.assert_array_equal(model.forward(whole)[:, 4:-1].argmax(-1), greedy)
    drawn = [model.generate(tokens, 8, temperature=1.0, seed=3, use_cache=cached) for cached in (True, False)]
    np.testing.assert_array_equal(*drawn)
    assert not np.array_equal(drawn[0], model.generate(tokens, 8, temperature=1.0, seed=4))


def test_generation_draws_from_the_softmax():
    """20,000 first tokens of one prompt: each count within five standard deviations of what is expected."""
    model, tokens, _ = model_and_batch(CFG, 2, 3)
    prompts = np.repeat(tokens[:1], 20_000, axis=0)
    drawn = model.generate(prompts, 1, temperature=0.7, seed=0)[:, 0]
    logits = model.forward(tokens[:1])[0, -1] / 0.7
    p = np.exp(logits - logits.max())
    p /= p.sum()
    counts = np.bincount(drawn, minlength=CFG.vocab_size)
    assert np.all(np.abs(counts - 20_000 * p) <= 5 * np.sqrt(20_000 * p * (1 - p)))


def test_a_row_that_has_ended_stays_ended():
    model, tokens, _ = model_and_batch(CFG, 3, 2)
    free = model.generate(tokens, 14, temperature=1.0, seed=0)
    eos = int(free[0, 3])
    stopped = model.generate(tokens, 14, temperature=1.0, seed=0, eos_id=eos)
    for row, reference_row in zip(stopped, free, strict=True):
        ends = np.flatnonzero(reference_row == eos)
        end = ends[0] if len(ends) else len(row)
        np.testing.assert_array_equal(row[:end], reference_row[: len(row)][:end])
        assert (row[end:] == eos).all()


def test_recorded_operations_come_in_order_and_are_those_of_the_forward_pass():
    model, tokens, _ = model_and_batch(CFG, 4, 7)
    names, seen = [], {}
    logits = model.forward(
        tokens, record=lambda name, value: (names.append(name), seen.update({name: value}))
    )
    assert names[:2] == ["tok_embeddings", "layers.0.attention_norm"]
    assert names[-3:] == ["layers.1", "norm", "output"]
    assert len(names) == len(set(names)) == 3 + 16 * CFG.n_layers
    assert seen["output"] is logits
    assert seen["layers.1.attention.weights"].shape == (2, 6, 7, 7)
    np.testing.assert_allclose(seen["layers.1.attention.weights"].sum(-1), 1)


def test_initialisation_has_the_size_that_it_says_and_begins_near_ln_v():
    cfg = LlamaConfig(vocab_size=400, dim=128, n_layers=3, hidden_dim=256)
    weights = init_weights(cfg, seed=1, dtype=np.float64)
    assert {name: w.shape for name, w in weights.items()} == weight_shapes(cfg)
    assert sum(w.size for w in weights.values()) == cfg.n_params()
    for name, size in (
        ("tok_embeddings", 128**-0.5), ("layers.2.attention.wk", 128**-0.5),
        ("layers.0.feed_forward.w_gate", 128**-0.5), ("layers.1.feed_forward.w_down", 256**-0.5 / 6**0.5),
        ("layers.1.attention.wo", 128**-0.5 / 6**0.5), ("output", 128**-0.5),
    ):  # fmt: skip
        assert weights[f"{name}.weight"].std() == pytest.approx(size, rel=0.03), name
    narrow = init_weights(cfg, seed=1, dtype=np.float32)
    assert all(np.array_equal(narrow[name], w.astype(np.float32)) for name, w in weights.items())
    tokens, targets = np.random.default_rng(0).integers(0, 400, size=(2, 4, 50))
    assert abs(ReferenceLlama(cfg, weights).loss(tokens, targets) - np.log(400)) < 0.7


def test_weights_are_copied():
    weights = init_weights(CFG)
    model = ReferenceLlama(CFG, weights, np.float32)
    model.weights["norm.weight"] += 1
    assert (weights["norm.weight"] == 1).all()


@pytest.mark.error_contract
def test_errors_name_what_was_given_and_expected():
    weights, tokens = init_weights(CFG), np.zeros((1, 3), dtype=np.int64)
    model = ReferenceLlama(CFG, weights)
    with pytest.raises(ValueError, match=r"19 weights are missing, the first is layers\.0\.attention\.wq"):
        ReferenceLlama(CFG, dict(list(weights.items())[:1]) | {"layers.0.attention_norm.weight": np.ones(24)})
    with pytest.raises(ValueError, match=r"1 weights do not belong.*such as lm_head"):
        ReferenceLlama(CFG, weights | {"lm_head": np.ones(3)})
    with pytest.raises(ValueError, match=r"norm\.weight has shape \(3,\), expected \(24,\)"):
        ReferenceLlama(CFG, weights | {"norm.weight": np.ones(3)})
    with pytest.raises(ValueError, match=r"output\.weight differs from tok_embeddings\.weight"):
        ReferenceLlama(CFG.replace(tie_embeddings=True), weights)
    with pytest.raises(ValueError, match=r"dtype is int64, expected a float"):
        ReferenceLlama(CFG, weights, np.int64)
    with pytest.raises(ValueError, match=r"cannot build norm_offset_one"):
        ReferenceLlama(CFG.replace(norm_offset_one=True))
    with pytest.raises(ValueError, match=r"17 positions, but max_seq_len is 16"):
        model.forward(np.zeros((1, 17), dtype=np.int64))
    with pytest.raises(ValueError, match=r"tokens run from 23 to 23, expected 0 to 22"):
        model.forward(tokens + 23)
    with pytest.raises(ValueError, match=r"tokens have shape \(1, 3\), targets \(1, 2\)"):
        model.loss_and_grads(tokens, tokens[:, :2])
    with pytest.raises(ValueError, match=r"prompt has 0 tokens, expected 1 to 16"):
        model.generate(tokens[:, :0], 4)
    with pytest.raises(ValueError, match=r"temperature is -1\.0, expected 0 or more"):
        model.generate(tokens, 4, temperature=-1.0)
