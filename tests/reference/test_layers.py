"""Linear, embedding, softmax, cross-entropy, activations: against torch's autograd, by property, by error."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from minillama import reference
from minillama.reference import relative_error

from .checking import assert_gradients_equal_autograd, slope

leading_axes = st.lists(st.integers(1, 4), max_size=3).map(tuple)
seeds = st.integers(0, 2**32 - 1)


@given(
    seed=seeds,
    leading=leading_axes,
    sizes=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    bias=st.booleans(),
)
def test_linear_equals_torch(seed, leading, sizes, bias):
    rng = np.random.default_rng(seed)
    inputs = [rng.normal(size=(*leading, sizes[0])), rng.normal(size=sizes[::-1])]
    inputs += [rng.normal(size=sizes[1])] if bias else []
    d_out = rng.normal(size=(*leading, sizes[1]))
    out, saved = reference.linear(*inputs)
    *grads, d_bias = reference.linear_backward(d_out, saved)
    assert (d_bias is not None) == bias
    assert_gradients_equal_autograd([out, *grads, *([d_bias] if bias else [])], F.linear, inputs, d_out)


@given(seed=seeds, leading=leading_axes, V=st.integers(1, 7), C=st.integers(1, 5))
def test_embedding_equals_torch_and_sums_over_repeats(seed, leading, V, C):
    rng = np.random.default_rng(seed)
    tokens, weight = rng.integers(0, V, size=leading), rng.normal(size=(V, C))
    d_out = rng.normal(size=(*leading, C))
    out, saved = reference.embedding(tokens, weight)
    found = [out, reference.embedding_backward(d_out, saved)]
    assert_gradients_equal_autograd(found, lambda w: F.embedding(torch.tensor(tokens), w), [weight], d_out)
    by_hand = np.zeros_like(weight)
    np.add.at(by_hand, tokens, d_out)
    np.testing.assert_allclose(found[1], by_hand, atol=1e-14)


def test_embedding_of_no_tokens_has_no_gradient():
    _, saved = reference.embedding(np.zeros((2, 0), dtype=np.int64), np.ones((3, 2)))
    assert not reference.embedding_backward(np.zeros((2, 0, 2)), saved).any()


@given(seed=seeds, leading=leading_axes, S=st.integers(1, 8), size=st.sampled_from([1.0, 1e3]))
def test_softmax_equals_torch(seed, leading, S, size):
    rng = np.random.default_rng(seed)
    x, d_out = size * rng.normal(size=(*leading, S)), rng.normal(size=(*leading, S))
    x[..., 1:][rng.random(size=x[..., 1:].shape) < 0.3] = -np.inf
    out, saved = reference.softmax(x)
    assert np.all(out[x == -np.inf] == 0)
    np.testing.assert_allclose(out.sum(-1), 1, rtol=1e-14)
    found = [out, reference.softmax_backward(d_out, saved)]
    assert_gradients_equal_autograd(found, lambda x: torch.softmax(x, -1), [x], d_out)
    np.testing.assert_allclose(found[1].sum(-1), 0, atol=1e-14)


@given(seed=seeds, leading=leading_axes, V=st.integers(1, 9), size=st.sampled_from([1.0, 1e3]))
def test_cross_entropy_equals_torch(seed, leading, V, size):
    rng = np.random.default_rng(seed)
    logits, targets = size * rng.normal(size=(*leading, V)), rng.integers(0, V, size=leading)
    targets = np.where(rng.random(size=leading) < 0.4, -100, targets)
    targets = np.asarray(targets)
    targets[(0,) * targets.ndim] = V - 1  # one at least counts
    loss, saved = reference.cross_entropy(logits, targets)
    found = [np.array(loss), reference.cross_entropy_backward(0.7, saved)]

    def theirs(x):
        return F.cross_entropy(x.reshape(-1, V), torch.tensor(targets).reshape(-1), ignore_index=-100)

    assert_gradients_equal_autograd(found, theirs, [logits], np.array(0.7))
    assert not found[1][targets == -100].any()


@pytest.mark.parametrize("name", ["relu", "gelu", "silu"])
@given(seed=seeds, leading=leading_axes, size=st.sampled_from([0.1, 1.0, 30.0]))
def test_activations_equal_torch(name, seed, leading, size):
    leading = (*leading, 3)
    rng = np.random.default_rng(seed)
    x, d_out = size * rng.normal(size=leading), rng.normal(size=leading)
    theirs = {"relu": F.relu, "gelu": lambda x: F.gelu(x, approximate="tanh"), "silu": F.silu}[name]
    out, saved = getattr(reference, name)(x)
    grads = getattr(reference, f"{name}_backward")(d_out, saved)
    assert_gradients_equal_autograd([np.asarray(out), np.asarray(grads)], theirs, [x], d_out, bound=1e-11)


@given(seed=seeds, leading=leading_axes)
def test_swiglu_equals_torch(seed, leading):
    rng = np.random.default_rng(seed)
    gate, up, d_out = rng.normal(size=(3, *leading, 5))
    out, saved = reference.swiglu(gate, up)
    found = [out, *reference.swiglu_backward(d_out, saved)]
    assert_gradients_equal_autograd(found, lambda g, u: F.silu(g) * u, [gate, up], d_out)


def test_gelu_is_near_the_one_with_the_error_function():
    x = np.linspace(-6, 6, 2001)
    exact = np.array([v * 0.5 * (1 + math.erf(v / math.sqrt(2))) for v in x])
    assert 1e-5 < np.abs(reference.gelu(x)[0] - exact).max() < 5e-4


def test_saturated_gates_do_not_overflow():
    x = np.array([-1e4, -750.0, 0.0, 750.0, 1e4], dtype=np.float32)
    out, saved = reference.silu(x)
    np.testing.assert_array_equal(out, np.where(x > 0, x, 0))
    np.testing.assert_array_equal(reference.silu_backward(np.ones_like(x), saved), [0, 0, 0.5, 1, 1])


def test_gradients_equal_finite_differences():
    rng = np.random.default_rng(0)
    x, w, targets = rng.normal(size=(3, 4)), rng.normal(size=(5, 4)), np.array([4, -100, 0])

    def loss():
        hidden, _ = reference.linear(x, w)
        return reference.cross_entropy(reference.silu(hidden)[0], targets)[0]

    hidden, saved_linear = reference.linear(x, w)
    out, saved_silu = reference.silu(hidden)
    _, saved = reference.cross_entropy(out, targets)
    d_hidden = reference.silu_backward(reference.cross_entropy_backward(1.0, saved), saved_silu)
    d_x, d_w, _ = reference.linear_backward(d_hidden, saved_linear)
    assert relative_error(d_x, slope(loss, x)) < 1e-10
    assert relative_error(d_w, slope(loss, w)) < 1e-10


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_follows_the_input(dtype):
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(2, 3, 4)).astype(dtype), rng.normal(size=(4, 4)).astype(dtype)
    tokens = rng.integers(0, 4, size=(2, 3))
    hidden, saved_linear = reference.linear(x, w, w[0])
    embedded, saved_embedding = reference.embedding(tokens, w)
    out, saved = reference.softmax(hidden)
    gated, saved_gate = reference.swiglu(x, embedded)
    loss, saved_loss = reference.cross_entropy(hidden, tokens)
    results = [
        hidden, *reference.linear_backward(hidden, saved_linear), embedded,
        reference.embedding_backward(x, saved_embedding), out, reference.softmax_backward(x, saved), gated,
        *reference.swiglu_backward(x, saved_gate), reference.cross_entropy_backward(1.0, saved_loss),
    ]  # fmt: skip
    for name in ("relu", "gelu", "silu"):
        value, saved_slope = getattr(reference, name)(x)
        results += [value, getattr(reference, f"{name}_backward")(x, saved_slope)]
    assert [a.dtype for a in results] == [dtype] * len(results)
    assert type(loss) is float


@pytest.mark.error_contract
def test_errors_name_what_was_given_and_expected():
    x = np.ones((2, 3))
    with pytest.raises(ValueError, match=r"weight has shape \(3, 4\), expected \(out, 3\).*\(2, 3\)"):
        reference.linear(x, np.ones((3, 4)))
    with pytest.raises(ValueError, match=r"bias has shape \(3,\), expected \(4,\)"):
        reference.linear(x, np.ones((4, 3)), np.ones(3))
    with pytest.raises(ValueError, match=r"d_out has shape \(2, 3\), expected.*\(2, 4\)"):
        reference.linear_backward(x, reference.linear(x, np.ones((4, 3)))[1])
    with pytest.raises(ValueError, match=r"tokens run from -1 to 3, expected 0 to 3: the table has 4 rows"):
        reference.embedding(np.array([3, -1]), np.ones((4, 2)))
    with pytest.raises(ValueError, match=r"d_out has shape \(2, 1\)"):
        reference.embedding_backward(
            np.ones((2, 1)), reference.embedding(np.array([3, 1]), np.ones((4, 2)))[1]
        )
    with pytest.raises(ValueError, match=r"targets have shape \(3,\), expected \(2,\)"):
        reference.cross_entropy(x, np.zeros(3, dtype=np.int64))
    with pytest.raises(ValueError, match=r"no target counts: all 2 are -100"):
        reference.cross_entropy(x, np.array([-100, -100]))
    with pytest.raises(ValueError, match=r"targets run from 0 to 3, expected 0 to 2 or -100"):
        reference.cross_entropy(x, np.array([0, 3]))
    with pytest.raises(ValueError, match=r"gate has shape \(2, 3\) and up \(3,\)"):
        reference.swiglu(x, np.ones(3))
    with pytest.raises(ValueError, match=r"d_out has shape \(3,\), expected.*\(2, 3\)"):
        reference.silu_backward(np.ones(3), reference.silu(x)[1])
    with pytest.raises(ValueError, match=r"d_out has shape \(3,\), expected.*\(2, 3\)"):
        reference.softmax_backward(np.ones(3), reference.softmax(x)[1])
