"""RMSNorm and LayerNorm, forward and backward: a vector is divided by its own size.

Left out: fused and in-place versions (chapter 18), and norms over other axes than the last. Chapter 05
derives what stands here.

Statistics are taken in float32 at least: the square of a float16 overflows from 256 on. As in Meta's and
Hugging Face's code the result is cast back to the input's dtype *before* it is multiplied by the weight.

References
----------
Zhang and Sennrich 2019, RMSNorm, arXiv 1910.07467. Ba, Kiros and Hinton 2016, Layer Normalization,
arXiv 1607.06450.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Inexact


class SavedNorm(NamedTuple):
    """What a backward needs: the normalised input, one over its size, and the weight."""

    x_hat: Float[np.ndarray, "*batch C"]
    inv_size: Float[np.ndarray, "*batch 1"]
    weight: Float[np.ndarray, " C"]


def rms_norm(
    x: Float[np.ndarray, "*batch C"], weight: Float[np.ndarray, " C"], eps: float
) -> tuple[Float[np.ndarray, "*batch C"], SavedNorm]:
    """Divide each vector by its root mean square, then scale each channel.

    ``x_hat = x / sqrt(mean(x**2) + eps)`` with the mean over the last axis, and ``out = x_hat * weight``.
    So `x_hat` has length sqrt(C), whatever the length of `x`, but for the little that `eps` takes off.

    Parameters
    ----------
    x : array (*batch, C), float
        Any number of leading axes: each vector along the last one is normalised by itself.
    weight : array (C,), float
        One learnt factor per channel; ones at the start of training.
    eps : float
        Added to the mean square, inside the root, so that a vector of zeros stays zeros. In the units
        of ``x**2``. LLaMA: 1e-6 or 1e-5.

    Returns
    -------
    out : array (*batch, C), the dtype of `x`
    saved : SavedNorm
        For `rms_norm_backward`.

    Raises
    ------
    ValueError
        If `weight` does not have one entry per channel, `x` is not of a float dtype, or `eps` is negative.

    References
    ----------
    Zhang and Sennrich 2019, section 3.

    Examples
    --------
    The mean square of (1, 7) is 25:

    >>> out, saved = rms_norm(np.array([1.0, 7.0]), np.array([1.0, 10.0]), eps=0.0)
    >>> out
    array([ 0.2, 14. ])
    """
    _check(x, eps, weight=weight)
    wide = x.astype(np.promote_types(x.dtype, np.float32), copy=False)
    inv_rms = 1 / np.sqrt(np.mean(wide * wide, axis=-1, keepdims=True) + eps)  # (*batch, 1)
    x_hat = (wide * inv_rms).astype(x.dtype, copy=False)
    return (x_hat * weight).astype(x.dtype, copy=False), SavedNorm(x_hat, inv_rms, weight)


def rms_norm_backward(
    d_out: Float[np.ndarray, "*batch C"], saved: SavedNorm
) -> tuple[Float[np.ndarray, "*batch C"], Float[np.ndarray, " C"]]:
    """Return the gradients of `x` and `weight`.

    ``out = x_hat * weight`` gives ``d_weight = sum(d_out * x_hat)`` over all vectors, and
    ``d_x_hat = d_out * weight``. For `x`, write ``r = (mean(x**2) + eps)**(-1/2)``, so ``x_hat = r x``.
    Every entry of `x` acts twice, by itself and through `r`, with ``dr/dx_j = -r**3 x_j / C``:

        d_x_j = r d_x_hat_j + sum_i(d_x_hat_i x_i) (-r**3 x_j / C)
              = r (d_x_hat_j - x_hat_j mean(d_x_hat * x_hat))

    The bracket takes away what points along `x_hat` (exactly so for eps = 0): stretching `x` changes
    nothing, so there is no gradient in that direction.

    Parameters
    ----------
    d_out : array (*batch, C), float
        Gradient of the output.
    saved : SavedNorm
        From `rms_norm`.

    Returns
    -------
    d_x : array (*batch, C), the dtype of the forward's `x`
    d_weight : array (C,), the dtype of `weight`

    Raises
    ------
    ValueError
        If `d_out` does not have the shape of the forward's output.

    Examples
    --------
    >>> out, saved = rms_norm(np.array([1.0, 7.0]), np.ones(2), eps=0.0)
    >>> d_x, d_weight = rms_norm_backward(np.array([1.0, 0.0]), saved)
    >>> d_x.round(4)
    array([ 0.196, -0.028])
    >>> bool(abs(d_x @ np.array([1.0, 7.0])) < 1e-12)  # at a right angle to x
    True
    >>> d_weight.round(4)
    array([0.2, 0. ])
    """
    d_x_hat, x_hat = _start_backward(d_out, saved)
    along = np.mean(d_x_hat * x_hat, axis=-1, keepdims=True)  # (*batch, 1)
    d_x = saved.inv_size * (d_x_hat - x_hat * along)
    return d_x.astype(saved.x_hat.dtype, copy=False), _sum_vectors(d_out * x_hat, saved.weight.dtype)


def layer_norm(
    x: Float[np.ndarray, "*batch C"],
    weight: Float[np.ndarray, " C"],
    bias: Float[np.ndarray, " C"],
    eps: float,
) -> tuple[Float[np.ndarray, "*batch C"], SavedNorm]:
    """Subtract each vector's mean, divide by its standard deviation, then scale and shift each channel.

    ``centred = x - mean(x)``, ``x_hat = centred / sqrt(mean(centred**2) + eps)``,
    ``out = x_hat * weight + bias``, the means over the last axis. It is RMSNorm of the centred vector,
    plus a bias. LLaMA does not use it; it stands here for contrast.

    Parameters
    ----------
    x : array (*batch, C), float
        Any number of leading axes.
    weight, bias : array (C,), float
        Learnt; ones and zeros at the start of training.
    eps : float
        Added to the variance, inside the root, in the units of ``x**2``.

    Returns
    -------
    out : array (*batch, C), the dtype of `x`
    saved : SavedNorm
        For `layer_norm_backward`.

    Raises
    ------
    ValueError
        If `weight` or `bias` does not have one entry per channel, `x` is not of a float dtype, or `eps`
        is negative.

    References
    ----------
    Ba, Kiros and Hinton 2016, section 3.

    Examples
    --------
    The mean of (1, 7) is 4, the variance 9:

    >>> layer_norm(np.array([1.0, 7.0]), np.ones(2), np.array([0.0, 0.5]), eps=0.0)[0]
    array([-1. ,  1.5])
    """
    _check(x, eps, weight=weight, bias=bias)
    wide = x.astype(np.promote_types(x.dtype, np.float32), copy=False)
    centred = wide - np.mean(wide, axis=-1, keepdims=True)
    inv_std = 1 / np.sqrt(np.mean(centred * centred, axis=-1, keepdims=True) + eps)  # (*batch, 1)
    x_hat = (centred * inv_std).astype(x.dtype, copy=False)
    return (x_hat * weight + bias).astype(x.dtype, copy=False), SavedNorm(x_hat, inv_std, weight)


def layer_norm_backward(
    d_out: Float[np.ndarray, "*batch C"], saved: SavedNorm
) -> tuple[Float[np.ndarray, "*batch C"], Float[np.ndarray, " C"], Float[np.ndarray, " C"]]:
    """Return the gradients of `x`, `weight` and `bias`.

    For the centred vector all is as in `rms_norm_backward`; centring takes the mean off the gradient
    once more, since ``centred_i = x_i - mean(x)`` is its own transpose:

        d_centred = r (d_x_hat - x_hat mean(d_x_hat * x_hat))
        d_x = d_centred - mean(d_centred) = r (d_x_hat - mean(d_x_hat) - x_hat mean(d_x_hat * x_hat))

    where the last step uses ``mean(x_hat) = 0``. The gradient is at a right angle to the centred vector
    (exactly so for eps = 0) and to the vector of ones: neither stretching nor shifting changes the output.

    Parameters
    ----------
    d_out : array (*batch, C), float
        Gradient of the output.
    saved : SavedNorm
        From `layer_norm`.

    Returns
    -------
    d_x : array (*batch, C), the dtype of the forward's `x`
    d_weight, d_bias : array (C,), the dtype of `weight`

    Raises
    ------
    ValueError
        If `d_out` does not have the shape of the forward's output.

    Examples
    --------
    >>> out, saved = layer_norm(np.array([0.0, 1.0, 5.0]), np.ones(3), np.zeros(3), eps=0.0)
    >>> d_x, d_weight, d_bias = layer_norm_backward(np.array([1.0, 0.0, 0.0]), saved)
    >>> d_x.round(4)
    array([ 0.1763, -0.2204,  0.0441])
    >>> bool(abs(d_x.sum()) < 1e-12)
    True
    """
    d_x_hat, x_hat = _start_backward(d_out, saved)
    along = np.mean(d_x_hat * x_hat, axis=-1, keepdims=True)  # (*batch, 1)
    d_x = saved.inv_size * (d_x_hat - np.mean(d_x_hat, axis=-1, keepdims=True) - x_hat * along)
    dtype = saved.weight.dtype
    return (
        d_x.astype(saved.x_hat.dtype, copy=False),
        _sum_vectors(d_out * x_hat, dtype),
        _sum_vectors(d_out, dtype),
    )


def _start_backward(
    d_out: Float[np.ndarray, "*batch C"], saved: SavedNorm
) -> tuple[Float[np.ndarray, "*batch C"], Float[np.ndarray, "*batch C"]]:
    """Return `d_x_hat` and `x_hat` in the precision of the statistics."""
    if d_out.shape != saved.x_hat.shape:
        raise ValueError(
            f"d_out has shape {d_out.shape}, expected that of the forward's output, {saved.x_hat.shape}"
        )
    wide = saved.inv_size.dtype
    return d_out.astype(wide, copy=False) * saved.weight, saved.x_hat.astype(wide, copy=False)


def _sum_vectors(x: Float[np.ndarray, "*batch C"], dtype: np.dtype) -> Float[np.ndarray, " C"]:
    """Sum over every axis but the last."""
    return x.reshape(-1, x.shape[-1]).sum(axis=0).astype(dtype, copy=False)  # (*batch, C) -> (C,)


def _check(x: Inexact[np.ndarray, "*batch C"], eps: float, **per_channel: np.ndarray) -> None:
    """Refuse what would broadcast, or round, without a word."""
    if not np.issubdtype(x.dtype, np.floating):
        raise ValueError(f"x has dtype {x.dtype}, expected a float: convert with x.astype(np.float32)")
    if x.ndim == 0:
        raise ValueError("x is a single number, expected a vector or an array of vectors, shape (*batch, C)")
    for name, values in per_channel.items():
        if values.shape != x.shape[-1:]:
            raise ValueError(
                f"{name} has shape {values.shape}, expected ({x.shape[-1]},): one entry for each channel of"
                f" x, whose shape is {x.shape}"
            )
    if eps < 0:
        raise ValueError(f"eps is {eps}, expected 0 or more: LLaMA has 1e-6 or 1e-5")
