"""ReLU, GELU, SiLU and the gate made of them, SwiGLU, forward and backward.

Left out: GEGLU and the other gates of Shazeer 2020 (one line each, chapter 08), and GELU by the error
function, which NumPy lacks; the tanh form here is GPT-2's.

References
----------
GELU: Hendrycks and Gimpel 2016, arXiv 1606.08415. SiLU: the same, section 2, and Elfwing et al. 2017,
arXiv 1702.03118. SwiGLU: Shazeer 2020, GLU Variants Improve Transformer, arXiv 2002.05202, section 2;
LLaMA, arXiv 2302.13971, section 2.2.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

GELU_SCALE = math.sqrt(2 / math.pi)  # the tanh form: Hendrycks and Gimpel 2016, section 2
GELU_CUBIC = 0.044715  # the same


class SavedSlope(NamedTuple):
    """What the backward of a function of single numbers needs: its slope at each of them."""

    slope: Float[np.ndarray, "*shape"]


class SavedSwiglu(NamedTuple):
    """What `swiglu_backward` needs: ``silu(gate)``, its slope, and `up`."""

    activation: Float[np.ndarray, "*shape"]
    slope: Float[np.ndarray, "*shape"]
    up: Float[np.ndarray, "*shape"]


def relu(x: Float[np.ndarray, "*shape"]) -> tuple[Float[np.ndarray, "*shape"], SavedSlope]:
    """Cut off what is negative: ``out = max(x, 0)``. The slope at 0 is taken as 0.

    Parameters
    ----------
    x : array, any shape, float

    Returns
    -------
    out : array, the shape of `x`
    saved : SavedSlope
        For `relu_backward`.

    Examples
    --------
    >>> relu(np.array([-1.0, 0.0, 2.0]))[0]
    array([0., 0., 2.])
    """
    return np.maximum(x, 0), SavedSlope((x > 0).astype(x.dtype))


def gelu(x: Float[np.ndarray, "*shape"]) -> tuple[Float[np.ndarray, "*shape"], SavedSlope]:
    """Weigh `x` by about the share of a standard normal below it.

    ``out = x/2 (1 + tanh(u))`` with ``u = sqrt(2/pi) (x + 0.044715 x**3)``, the form that GPT-2 uses; it
    differs from ``x Phi(x)`` by less than 5e-4. Its slope is
    ``(1 + tanh u)/2 + x/2 (1 - tanh(u)**2) sqrt(2/pi) (1 + 3 * 0.044715 x**2)``.

    Parameters
    ----------
    x : array, any shape, float

    Returns
    -------
    out : array, the shape of `x`
    saved : SavedSlope
        For `gelu_backward`.

    References
    ----------
    Hendrycks and Gimpel 2016, section 2.

    Examples
    --------
    >>> gelu(np.array([-3.0, 0.0, 1.0]))[0].round(4)
    array([-0.0036,  0.    ,  0.8412])
    """
    square = x * x
    t = np.tanh(GELU_SCALE * x * (1 + GELU_CUBIC * square))
    slope = 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * GELU_SCALE * (1 + 3 * GELU_CUBIC * square)
    return 0.5 * x * (1 + t), SavedSlope(slope)


def silu(x: Float[np.ndarray, "*shape"]) -> tuple[Float[np.ndarray, "*shape"], SavedSlope]:
    """Weigh `x` by its own sigmoid: ``out = x s`` with ``s = 1/(1 + exp(-x))``; also called Swish.

    Its slope is ``s + x s (1 - s) = s + out (1 - s)``, by the product rule.

    Parameters
    ----------
    x : array, any shape, float

    Returns
    -------
    out : array, the shape of `x`
    saved : SavedSlope
        For `silu_backward`.

    Examples
    --------
    >>> silu(np.array([-1.0, 0.0, 1.0]))[0].round(4)
    array([-0.2689,  0.    ,  0.7311])
    """
    s = _sigmoid(x)
    out = x * s
    return out, SavedSlope(s + out * (1 - s))


def relu_backward(d_out: Float[np.ndarray, "*shape"], saved: SavedSlope) -> Float[np.ndarray, "*shape"]:
    """Return the gradient of `x`: `d_out` where `x` was positive, else 0.

    Examples
    --------
    >>> relu_backward(np.array([5.0, 5.0]), relu(np.array([-1.0, 2.0]))[1])
    array([0., 5.])
    """
    return _times_slope(d_out, saved)


def gelu_backward(d_out: Float[np.ndarray, "*shape"], saved: SavedSlope) -> Float[np.ndarray, "*shape"]:
    """Return the gradient of `x`: `d_out` times the slope that `gelu` gives.

    Examples
    --------
    >>> gelu_backward(np.array([1.0, 1.0]), gelu(np.array([0.0, 30.0]))[1])
    array([0.5, 1. ])
    """
    return _times_slope(d_out, saved)


def silu_backward(d_out: Float[np.ndarray, "*shape"], saved: SavedSlope) -> Float[np.ndarray, "*shape"]:
    """Return the gradient of `x`: `d_out` times the slope that `silu` gives.

    Examples
    --------
    >>> silu_backward(np.array([1.0, 1.0]), silu(np.array([0.0, 50.0]))[1])
    array([0.5, 1. ])
    """
    return _times_slope(d_out, saved)


def swiglu(
    gate: Float[np.ndarray, "*shape"], up: Float[np.ndarray, "*shape"]
) -> tuple[Float[np.ndarray, "*shape"], SavedSwiglu]:
    """Open or close each channel of `up` by its gate: ``out = silu(gate) * up``.

    Parameters
    ----------
    gate, up : arrays of one shape, float
        In LLaMA ``gate = w_gate x`` and ``up = w_up x``, both (B, T, F). The two are not alike: only the
        gate is bent.

    Returns
    -------
    out : array of the same shape
    saved : SavedSwiglu
        For `swiglu_backward`.

    Raises
    ------
    ValueError
        If the shapes differ.

    References
    ----------
    Shazeer 2020, equation 6.

    Examples
    --------
    >>> swiglu(np.array([0.0, 1.0]), np.array([5.0, 10.0]))[0].round(4)
    array([0.    , 7.3106])
    """
    if gate.shape != up.shape:
        raise ValueError(f"gate has shape {gate.shape} and up {up.shape}: expected one shape")
    activation, (slope,) = silu(gate)
    return activation * up, SavedSwiglu(activation, slope, up)


def swiglu_backward(
    d_out: Float[np.ndarray, "*shape"], saved: SavedSwiglu
) -> tuple[Float[np.ndarray, "*shape"], Float[np.ndarray, "*shape"]]:
    """Return the gradients of `gate` and `up`.

    A product passes on the other factor: ``d_up = d_out silu(gate)``, and
    ``d_gate = d_out up silu'(gate)`` with the slope as in `silu`.

    Parameters
    ----------
    d_out : array, the shape of the output, float
    saved : SavedSwiglu
        From `swiglu`.

    Returns
    -------
    d_gate, d_up : arrays of the same shape

    Raises
    ------
    ValueError
        If `d_out` does not have the shape of the forward's output.

    Examples
    --------
    >>> out, saved = swiglu(np.array([0.0]), np.array([4.0]))
    >>> swiglu_backward(np.array([1.0]), saved)
    (array([2.]), array([0.]))
    """
    _check(d_out, saved.up)
    return d_out * saved.up * saved.slope, d_out * saved.activation


def _sigmoid(x: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """1/(1 + exp(-x)) by tanh, which cannot overflow."""
    return 0.5 * (1 + np.tanh(0.5 * x))


def _times_slope(d_out: Float[np.ndarray, "*shape"], saved: SavedSlope) -> Float[np.ndarray, "*shape"]:
    """Apply the chain rule to a function of single numbers."""
    _check(d_out, saved.slope)
    return d_out * saved.slope


def _check(d_out: np.ndarray, like: np.ndarray) -> None:
    """Refuse a gradient that would broadcast."""
    if d_out.shape != like.shape:
        raise ValueError(
            f"d_out has shape {d_out.shape}, expected that of the forward's output, {like.shape}"
        )
