"""RMSNorm and LayerNorm: against torch, against finite differences, and by their own properties."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from minillama.reference import (
    layer_norm,
    layer_norm_backward,
    numerical_gradient,
    relative_error,
    rms_norm,
    rms_norm_backward,
)

leading_axes = st.lists(st.integers(1, 4), max_size=3).map(tuple)
seeds = st.integers(0, 2**32 - 1)
epsilons = st.sampled_from([0.0, 1e-6, 1e-5, 0.1])


def draw(seed: int, leading: tuple[int, ...], dim: int) -> dict[str, np.ndarray]:
    """Input, parameters and output gradient in float64; vectors of very different lengths."""
    rng = np.random.default_rng(seed)
    return {
        "x": rng.normal(size=(*leading, dim)) * np.exp(rng.normal(size=(*leading, 1))),
        "weight": rng.normal(1, 0.5, size=dim),
        "bias": rng.normal(size=dim),
        "d_out": rng.normal(size=(*leading, dim)),
    }


def forward_and_backward(name, x, weight, bias, d_out, eps):
    """Out and all gradients, by the package."""
    if name == "rms_norm":
        out, saved = rms_norm(x, weight, eps)
        return out, *rms_norm_backward(d_out, saved)
    out, saved = layer_norm(x, weight, bias, eps)
    return out, *layer_norm_backward(d_out, saved)


def by_torch(name, x, weight, bias, d_out, eps):
    """Out and all gradients, by torch's functions and autograd."""
    x, weight, bias, d_out = (torch.tensor(a) for a in (x, weight, bias, d_out))
    inputs = (x, weight) if name == "rms_norm" else (x, weight, bias)
    for tensor in inputs:
        tensor.requires_grad_()
    call = F.rms_norm if name == "rms_norm" else F.layer_norm
    out = call(x, weight.shape, *inputs[1:], eps=eps)
    return out.detach().numpy(), *(g.numpy() for g in torch.autograd.grad(out, inputs, d_out))


@pytest.mark.parametrize("name", ["rms_norm", "layer_norm"])
@given(seed=seeds, leading=leading_axes, dim=st.integers(1, 9), eps=epsilons)
def test_values_and_gradients_equal_torch(name, seed, leading, dim, eps):
    arrays = draw(seed, leading, dim)
    if name == "layer_norm" and dim == 1:
        eps = max(eps, 0.1)  # a single channel has no variance
    expected = by_torch(name, **arrays, eps=eps)
    # The backward subtracts parts of about this size; with one or two channels little may be left.
    size = np.abs(arrays["d_out"]).max() * 10 / np.abs(arrays["x"]).max(axis=-1).min()
    for ours, theirs in zip(forward_and_backward(name, **arrays, eps=eps), expected, strict=True):
        assert ours.shape == theirs.shape
        assert relative_error(ours, theirs) < 1e-12 or np.abs(ours - theirs).max() < 1e-12 * size


@pytest.mark.parametrize("name", ["rms_norm", "layer_norm"])
@given(seed=seeds, leading=leading_axes, dim=st.integers(4, 7), eps=epsilons)
def test_gradients_equal_finite_differences(name, seed, leading, dim, eps):
    arrays = draw(seed, leading, dim)
    arrays["x"] /= np.abs(arrays["x"]).max(axis=-1, keepdims=True)  # one step size fits all vectors
    gradients = forward_and_backward(name, **arrays, eps=eps)[1:]
    names = ("x", "weight") if name == "rms_norm" else ("x", "weight", "bias")
    for argument, found in zip(names, gradients, strict=True):

        def loss(value, argument=argument):
            out = forward_and_backward(name, **{**arrays, argument: value}, eps=eps)[0]
            return float(np.sum(out * arrays["d_out"]))

        assert relative_error(found, numerical_gradient(loss, arrays[argument])) < 1e-7


@given(seed=seeds, leading=leading_axes, dim=st.integers(2, 9), factor=st.floats(1e-3, 1e3))
def test_scale_invariance_and_its_gradient(seed, leading, dim, factor):
    arrays = draw(seed, leading, dim)
    out, saved = rms_norm(arrays["x"], arrays["weight"], 0.0)
    stretched, saved_stretched = rms_norm(factor * arrays["x"], arrays["weight"], 0.0)
    np.testing.assert_allclose(stretched, out, rtol=1e-12)
    length = np.linalg.norm(saved.x_hat, axis=-1)
    np.testing.assert_allclose(length, np.sqrt(dim), rtol=1e-12)
    d_x, _ = rms_norm_backward(arrays["d_out"], saved)
    d_stretched, _ = rms_norm_backward(arrays["d_out"], saved_stretched)
    np.testing.assert_allclose(factor * d_stretched, d_x, rtol=1e-9, atol=1e-12 * np.abs(d_x).max())
    d_x_hat = arrays["d_out"] * arrays["weight"]
    along = np.sum(d_x * arrays["x"], axis=-1) / np.linalg.norm(d_x_hat, axis=-1)
    np.testing.assert_allclose(along, 0, atol=1e-13)  # in units of |d_x_hat|: rounding only


@given(seed=seeds, dim=st.integers(2, 9), shift=st.floats(-10, 10))
def test_layer_norm_is_rms_norm_of_the_centred_vector(seed, dim, shift):
    arrays = draw(seed, (3,), dim)
    x, weight, bias = arrays["x"], arrays["weight"], arrays["bias"]
    centred = x - x.mean(axis=-1, keepdims=True)
    expected = rms_norm(centred, weight, 0.1)[0] + bias
    np.testing.assert_allclose(layer_norm(x + shift, weight, bias, 0.1)[0], expected, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("name", ["rms_norm", "layer_norm"])
def test_dtype_follows_the_input(name, dtype):
    arrays = {key: value.astype(dtype) for key, value in draw(0, (2, 3), 5).items()}
    results = forward_and_backward(name, **arrays, eps=1e-5)
    assert [a.dtype for a in results] == [dtype] * len(results)


@pytest.mark.parametrize("name", ["rms_norm", "layer_norm"])
def test_a_half_precision_input_does_not_overflow(name):
    """300 squared is beyond float16's largest number, 65,504; the statistics are taken in float32."""
    arrays = {key: value.astype(np.float16) for key, value in draw(0, (2, 3), 64).items()}
    arrays["x"] = (arrays["x"] * np.float16(100) + np.float16(300)).astype(np.float16)
    wide = {key: value.astype(np.float64) for key, value in arrays.items()}
    ours = forward_and_backward(name, **arrays, eps=1e-5)
    exact = forward_and_backward(name, **wide, eps=1e-5)
    # float16 keeps 11 bits; the weights' gradients are sums over six vectors of entries rounded so.
    for found, expected in zip(ours, exact, strict=True):
        np.testing.assert_allclose(found, expected, rtol=4e-3, atol=4e-3 * np.abs(expected).max())


def test_a_vector_of_zeros_stays_zeros_and_has_a_finite_gradient():
    x, weight = np.zeros((2, 4)), np.ones(4)
    out, saved = rms_norm(x, weight, 1e-6)
    d_x, d_weight = rms_norm_backward(np.ones((2, 4)), saved)
    assert not out.any()
    assert not d_weight.any()
    np.testing.assert_allclose(d_x, 1e3)  # 1 / sqrt(eps)


def test_no_argument_is_changed():
    arrays = draw(0, (2, 3), 5)
    for name in ("rms_norm", "layer_norm"):
        before = {key: value.copy() for key, value in arrays.items()}
        forward_and_backward(name, **arrays, eps=1e-5)
        assert all(np.array_equal(before[key], arrays[key]) for key in arrays)


@pytest.mark.error_contract
def test_errors_name_what_was_given_and_expected():
    x, ones = np.ones((2, 3)), np.ones(3)
    with pytest.raises(ValueError, match=r"weight has shape \(2,\), expected \(3,\).*\(2, 3\)"):
        rms_norm(x, np.ones(2), 1e-6)
    with pytest.raises(ValueError, match=r"bias has shape \(1,\), expected \(3,\)"):
        layer_norm(x, ones, np.ones(1), 1e-6)
    with pytest.raises(ValueError, match=r"dtype int64, expected a float: convert"):
        rms_norm(np.ones((2, 3), dtype=np.int64), ones, 1e-6)
    with pytest.raises(ValueError, match="single number"):
        rms_norm(np.float64(1) * np.ones(()), ones, 1e-6)
    with pytest.raises(ValueError, match=r"eps is -1.0, expected 0 or more"):
        layer_norm(x, ones, ones, -1.0)
    saved = rms_norm(x, ones, 1e-6)[1]
    with pytest.raises(ValueError, match=r"d_out has shape \(3,\), expected.*\(2, 3\)"):
        rms_norm_backward(np.ones(3), saved)
    with pytest.raises(ValueError, match=r"x has dtype float32, expected float64"):
        numerical_gradient(lambda x: float(x.sum()), np.ones(2, dtype=np.float32))


def test_relative_error_of_zeros_is_zero():
    assert relative_error(np.zeros(3), np.zeros(3)) == 0.0
    assert relative_error(np.zeros(0), np.zeros(0)) == 0.0
    assert relative_error(np.zeros(2), np.array([0.0, 1e-300])) == 1.0
