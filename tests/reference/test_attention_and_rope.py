"""Rotary positions in both layouts, and causal attention with grouped queries."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from minillama.config import LlamaConfig
from minillama.model import rope as torch_rope
from minillama.reference import (
    attention,
    attention_backward,
    causal_mask,
    permute_rows,
    rope,
    rope_backward,
    rope_frequencies,
    rope_table,
)

from .checking import assert_gradients_equal_autograd

seeds = st.integers(0, 2**32 - 1)
LLAMA_3_1 = {
    "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}  # fmt: skip
SCALINGS = [None, {"rope_type": "linear", "factor": 4.0}, LLAMA_3_1, LLAMA_3_1 | {"high_freq_factor": 1.0}]


def config(head_dim: int = 8, theta: float = 100.0, **changes) -> LlamaConfig:
    return LlamaConfig(
        dim=head_dim,
        n_heads=1,
        n_kv_heads=1,
        head_dim=head_dim,
        rope_theta=theta,
        max_seq_len=4096,
        **changes,
    )


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("head_dim", [2, 6, 64])
def test_the_angles_are_those_of_the_torch_model(scaling, head_dim):
    cfg = config(head_dim, 10_000.0, rope_scaling=scaling)
    np.testing.assert_allclose(rope_frequencies(cfg), torch_rope.rope_frequencies(cfg).numpy(), rtol=1e-14)
    theirs = torch_rope.rope_table(cfg, 5, 40, torch.float64)
    for ours, other in zip(rope_table(cfg, 5, 40), theirs, strict=True):
        np.testing.assert_allclose(ours, other.numpy(), atol=1e-13)


@pytest.mark.parametrize("layout", ["half", "interleaved"])
@given(seed=seeds, shift=st.integers(0, 2000), pairs=st.integers(1, 8))
def test_scores_depend_on_the_distance_only(layout, seed, shift, pairs):
    rng, T = np.random.default_rng(seed), 7
    q, k = rng.normal(size=(2, T, 2 * pairs))
    q /= np.linalg.norm(q, axis=-1, keepdims=True)
    k /= np.linalg.norm(k, axis=-1, keepdims=True)
    cfg = config(2 * pairs)
    here, there = (rope_table(cfg, start, start + T) for start in (0, shift))
    scores = [rope(q, *table, layout)[0] @ rope(k, *table, layout)[0].T for table in (here, there)]
    # Angles near 2,000 are exact to 2e-13 radians; 1e-12 is five of those.
    np.testing.assert_allclose(scores[0], scores[1], rtol=0, atol=1e-12)
    lengths = np.linalg.norm(rope(q, *there, layout)[0], axis=-1)
    np.testing.assert_allclose(lengths, 1, rtol=1e-14)


@given(seed=seeds, pairs=st.integers(1, 8))
def test_interleaved_is_multiplication_by_a_complex_number(seed, pairs):
    """Meta's code: neighbours are real and imaginary part."""
    x = np.random.default_rng(seed).normal(size=(2, 3, 5, 2 * pairs))
    cfg = config(2 * pairs)
    turned = x.view(np.complex128) * np.exp(1j * np.outer(np.arange(9, 14), rope_frequencies(cfg)))
    np.testing.assert_allclose(
        rope(x, *rope_table(cfg, 9, 14), "interleaved")[0], turned.view(float), atol=1e-14
    )


@given(seed=seeds, pairs=st.integers(1, 6), heads=st.sampled_from([(1, 1), (3, 3), (6, 2), (5, 1)]))
def test_permuted_projections_give_the_same_scores_in_the_other_layout(seed, pairs, heads):
    rng, (H, K), D, T, C = np.random.default_rng(seed), heads, 2 * pairs, 6, 5
    x, wq, wk = rng.normal(size=(T, C)), rng.normal(size=(H * D, C)), rng.normal(size=(K * D, C))
    table = rope_table(config(D), 0, T)

    def scores(wq, wk, layout):
        q = (x @ wq.T).reshape(1, T, H, D).transpose(0, 2, 1, 3)
        k = (x @ wk.T).reshape(1, T, K, D).transpose(0, 2, 1, 3)
        q, k = rope(q, *table, layout)[0], rope(k, *table, layout)[0]
        return q @ np.repeat(k, H // K, axis=1).transpose(0, 1, 3, 2)

    half = permute_rows(wq, H, to="half"), permute_rows(wk, K, to="half")
    np.testing.assert_allclose(scores(*half, "half"), scores(wq, wk, "interleaved"), atol=1e-12)
    assert np.array_equal(permute_rows(half[0], H, to="interleaved"), wq)
    if pairs > 1:
        assert not np.allclose(scores(wq, wk, "half"), scores(wq, wk, "interleaved"))


@pytest.mark.parametrize("layout", ["half", "interleaved"])
@given(seed=seeds, pairs=st.integers(1, 5))
def test_rope_backward_equals_autograd(layout, seed, pairs):
    x, d_out = np.random.default_rng(seed).normal(size=(2, 2, 3, 4, 2 * pairs))
    cos, sin = rope_table(config(2 * pairs), 3, 7)
    out, saved = rope(x, cos, sin, layout)

    def theirs(x):
        a, b = (x[..., :pairs], x[..., pairs:]) if layout == "half" else (x[..., ::2], x[..., 1::2])
        c, s = torch.tensor(cos), torch.tensor(sin)
        turned = a * c - b * s, b * c + a * s
        return torch.cat(turned, -1) if layout == "half" else torch.stack(turned, -1).flatten(-2)

    assert_gradients_equal_autograd([out, rope_backward(d_out, saved)], theirs, [x], d_out)


shapes = st.tuples(
    st.integers(1, 2),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(1, 5),
    st.integers(0, 3),
    st.integers(1, 4),
)


@given(seed=seeds, shape=shapes, window=st.sampled_from([None, 1, 2, 9]))
def test_attention_and_its_gradients_equal_torch(seed, shape, window):
    """(B, K, G, T, earlier keys, D): odd head counts, groups of any size, one position, keys from a cache."""
    B, K, G, T, earlier, D = shape
    rng, S = np.random.default_rng(seed), T + earlier
    q, d_out = rng.normal(size=(2, B, K * G, T, D))
    k, v = rng.normal(size=(2, B, K, S, D))
    mask = causal_mask(T, S, window)
    out, saved = attention(q, k, v, mask)

    def theirs(q, k, v):
        return F.scaled_dot_product_attention(q, k, v, attn_mask=torch.tensor(mask), enable_gqa=True)

    assert_gradients_equal_autograd(
        [out, *attention_backward(d_out, saved)], theirs, [q, k, v], d_out, bound=1e-11
    )
    assert not saved.weights[..., ~mask].any()
    if window is None:
        np.testing.assert_array_equal(attention(q, k, v)[0], out)


@given(seed=seeds, changed=st.integers(0, 5))
def test_no_position_sees_a_later_one(seed, changed):
    """Exact equality: not a bit of an earlier output may move. A mask off by one fails."""
    rng = np.random.default_rng(seed)
    q, k, v = rng.normal(size=(3, 1, 2, 6, 4))
    other_k, other_v = k.copy(), v.copy()
    other_k[:, :, changed], other_v[:, :, changed] = rng.normal(size=(2, 1, 2, 4))
    before, after = attention(q, k, v)[0], attention(q, other_k, other_v)[0]
    assert np.array_equal(before[:, :, :changed], after[:, :, :changed])
    assert not np.allclose(before[:, :, changed], after[:, :, changed])
    leaking = np.tril(np.ones((6, 6), dtype=bool), k=1)
    if changed:
        leaked = [attention(q, *kv, leaking)[0][:, :, changed - 1] for kv in ((k, v), (other_k, other_v))]
        assert not np.allclose(*leaked)


def test_large_scores_do_not_overflow():
    q = np.full((1, 1, 2, 4), 1e3, dtype=np.float32)
    out, saved = attention(q, q, q)
    assert np.isfinite(out).all()
    assert all(np.isfinite(g).all() for g in attention_backward(q, saved))


def test_float32_stays_float32():
    q = np.ones((1, 2, 3, 4), dtype=np.float32)
    cos, sin = rope_table(config(4), 0, 3, np.float32)
    turned, saved_rope = rope(q, cos, sin)
    out, saved = attention(turned, q, q)
    arrays = [
        cos,
        sin,
        turned,
        out,
        saved.weights,
        rope_backward(q, saved_rope),
        *attention_backward(q, saved),
    ]
    assert {a.dtype for a in arrays} == {np.dtype(np.float32)}


@pytest.mark.error_contract
def test_errors_name_what_was_given_and_expected():
    q, k = np.ones((1, 3, 2, 4)), np.ones((1, 2, 2, 4))
    with pytest.raises(ValueError, match=r"3 query heads cannot share 2 key/value heads"):
        attention(q, k, k)
    with pytest.raises(ValueError, match=r"k and v have shapes \(1, 3, 2, 4\) and \(1, 3, 1, 4\), expected"):
        attention(q, q, q[:, :, :1])
    with pytest.raises(
        ValueError, match=r"mask has shape \(2, 2\), expected \(2, 2\) with something in every row"
    ):
        attention(q, q, q, np.zeros((2, 2), dtype=bool))
    with pytest.raises(ValueError, match=r"3 queries and 2 keys"):
        causal_mask(3, 2)
    with pytest.raises(ValueError, match=r"d_out has shape \(1, 2, 2, 4\)"):
        attention_backward(k, attention(q, q, q)[1])
    with pytest.raises(
        ValueError, match=r"cos and sin have shapes \(3, 2\) and \(3, 2\), expected \(T, D/2\)"
    ):
        rope(q, *rope_table(config(4), 0, 3))
    with pytest.raises(ValueError, match=r"layout 'meta' is unknown: expected 'half' or 'interleaved'"):
        rope(q, *rope_table(config(4), 0, 2), "meta")
    with pytest.raises(ValueError, match=r"10 rows do not make 3 heads of one even width"):
        permute_rows(np.ones((10, 2)), 3, to="half")
    with pytest.raises(ValueError, match=r"layout 'meta' is unknown"):
        permute_rows(np.ones((12, 2)), 3, to="meta")
