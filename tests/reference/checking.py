"""What the reference's tests share: comparison with torch's autograd, finite differences of fourth order."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from minillama.reference import relative_error


def assert_gradients_equal_autograd(
    outs: Sequence[np.ndarray],
    function: Callable[..., torch.Tensor],
    inputs: Sequence[np.ndarray],
    d_out: np.ndarray,
    bound: float = 1e-12,
) -> None:
    """Compare (output, gradient of each input) with what torch computes in float64."""
    tensors = [torch.tensor(a, requires_grad=True) for a in inputs]
    out = function(*tensors)
    expected = (out.detach(), *torch.autograd.grad(out, tensors, torch.tensor(d_out)))
    assert len(outs) == len(expected)
    for ours, theirs in zip(outs, expected, strict=True):
        assert ours.shape == tuple(theirs.shape)
        # The scale is at least 1: a gradient that cancels to nearly zero has the rounding of its parts.
        scale = max(1.0, np.abs(theirs.numpy()).max(initial=0.0))
        assert np.abs(ours - theirs.numpy()).max(initial=0.0) <= bound * scale


def slope(f: Callable[[], float], x: np.ndarray, step: float = 3e-4) -> np.ndarray:
    """Gradient of `f` by `x`, which `f` reads and this changes in place: five points, an error of step**4.

    Two points cannot promise seven digits where an array's gradient is a thousandth of the loss: rounding
    leaves 1e-16 / 1e-5. Four points with a larger step can.
    """
    gradient = np.empty_like(x)
    for i in np.ndindex(x.shape):
        kept, values = x[i], []
        for k in (-2, -1, 1, 2):
            x[i] = kept + k * step
            values.append(f())
        x[i] = kept
        gradient[i] = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * step)
    return gradient


def worst_gradient_error(model, tokens, targets) -> tuple[float, str]:
    """Largest relative error over all weights of a model in float64, and the name of the weight."""
    _, grads = model.loss_and_grads(tokens, targets)
    assert list(grads) == list(model.weights)
    errors = {}
    for name, w in model.weights.items():
        expected = slope(lambda: model.loss(tokens, targets), w)
        # A gradient that is zero (queries and keys at T = 1) comes out of differences as rounding only.
        if np.abs(expected).max() < 1e-11:
            assert np.abs(grads[name]).max() < 1e-11, name
            continue
        errors[name] = relative_error(grads[name], expected)
    worst = max(errors, key=errors.__getitem__)
    return errors[worst], worst
