"""Softmax and cross-entropy, forward and backward: from scores to probabilities to a loss.

Left out: losses that never hold all logits at once (chapter 20). Chapters 04 and 07 derive what stands here.

Both subtract the largest score first. That changes nothing in the result, and no exponential can overflow:
float32 ends at exp(88.7).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Integer


class SavedSoftmax(NamedTuple):
    """What `softmax_backward` needs: the probabilities themselves."""

    out: Float[np.ndarray, "*batch S"]


class SavedCrossEntropy(NamedTuple):
    """What `cross_entropy_backward` needs."""

    probabilities: Float[np.ndarray, "*batch V"]
    targets: Integer[np.ndarray, "*batch"]
    counts: Bool[np.ndarray, "*batch"]


def softmax(x: Float[np.ndarray, "*batch S"]) -> tuple[Float[np.ndarray, "*batch S"], SavedSoftmax]:
    """Turn scores into probabilities: ``out = exp(x) / sum(exp(x))`` over the last axis.

    Parameters
    ----------
    x : array (*batch, S), float
        Scores; ``-inf`` gets the probability 0. At least one in each row must be finite, otherwise the
        row comes out as NaN.

    Returns
    -------
    out : array (*batch, S)
        Each row sums to one.
    saved : SavedSoftmax
        For `softmax_backward`.

    Examples
    --------
    >>> softmax(np.array([1000.0, 1000.0, -np.inf]))[0]
    array([0.5, 0.5, 0. ])
    """
    out = np.exp(x - x.max(axis=-1, keepdims=True))
    out /= out.sum(axis=-1, keepdims=True)
    return out, SavedSoftmax(out)


def softmax_backward(
    d_out: Float[np.ndarray, "*batch S"], saved: SavedSoftmax
) -> Float[np.ndarray, "*batch S"]:
    """Return the gradient of `x`: ``d_x = out (d_out - sum(d_out out))``.

    From ``d out_i / d x_j = out_i (delta_ij - out_j)``. Its entries sum to zero: adding a constant to all
    scores changes nothing.

    Parameters
    ----------
    d_out : array (*batch, S), float
        Gradient of the probabilities.
    saved : SavedSoftmax
        From `softmax`.

    Returns
    -------
    array (*batch, S)

    Raises
    ------
    ValueError
        If `d_out` does not have the shape of the forward's output.

    Examples
    --------
    >>> softmax_backward(np.array([1.0, 0.0]), softmax(np.zeros(2))[1])
    array([ 0.25, -0.25])
    """
    out = saved.out
    if d_out.shape != out.shape:
        raise ValueError(f"d_out has shape {d_out.shape}, expected that of the forward's output, {out.shape}")
    return out * (d_out - np.sum(d_out * out, axis=-1, keepdims=True))


def cross_entropy(
    logits: Float[np.ndarray, "*batch V"], targets: Integer[np.ndarray, "*batch"], ignore_index: int = -100
) -> tuple[float, SavedCrossEntropy]:
    """Return the mean surprise at the targets, ``-log softmax(logits)[target]``, in nats.

    Parameters
    ----------
    logits : array (*batch, V), float
        Scores of the next token.
    targets : array (*batch), integer
        What came, from 0 to V - 1, or `ignore_index` where nothing is asked.
    ignore_index : int
        Such targets count neither in the sum nor in the number that it is divided by.

    Returns
    -------
    loss : float
        Nats per target that counts.
    saved : SavedCrossEntropy
        For `cross_entropy_backward`.

    Raises
    ------
    ValueError
        If the shapes do not fit, a target is no token, or none counts.

    Examples
    --------
    Four equal scores: ln 4 nats, whatever comes.

    >>> loss, saved = cross_entropy(np.zeros((2, 4)), np.array([3, -100]))
    >>> round(loss, 4)
    1.3863
    """
    if targets.shape != logits.shape[:-1]:
        raise ValueError(
            f"targets have shape {targets.shape}, expected {logits.shape[:-1]}: one for each row"
        )
    counts = targets != ignore_index
    if not counts.any():
        raise ValueError(f"no target counts: all {targets.size} are {ignore_index}")
    if not 0 <= targets[counts].min() <= targets[counts].max() < logits.shape[-1]:
        raise ValueError(
            f"targets run from {targets[counts].min()} to {targets[counts].max()},"
            f" expected 0 to {logits.shape[-1] - 1} or {ignore_index}"
        )
    targets = np.where(counts, targets, 0)
    shifted = logits - logits.max(axis=-1, keepdims=True)
    hit = np.take_along_axis(shifted, targets[..., None], axis=-1)[..., 0]  # (*batch)
    exponentials = np.exp(shifted, out=shifted)
    total = exponentials.sum(axis=-1)  # (*batch)
    loss = np.sum(np.log(total) - hit, where=counts) / counts.sum()
    exponentials /= total[..., None]
    return float(loss), SavedCrossEntropy(exponentials, targets, counts)


def cross_entropy_backward(d_loss: float, saved: SavedCrossEntropy) -> Float[np.ndarray, "*batch V"]:
    """Return the gradient of the logits: probabilities, minus one at the target, over the number that count.

    Parameters
    ----------
    d_loss : float
        Gradient of the loss; 1 where the loss is the end of the computation.
    saved : SavedCrossEntropy
        From `cross_entropy`.

    Returns
    -------
    array (*batch, V)
        Zero where the target was ignored; each row sums to zero.

    Examples
    --------
    >>> loss, saved = cross_entropy(np.zeros((2, 4)), np.array([3, -100]))
    >>> cross_entropy_backward(1.0, saved)
    array([[ 0.25,  0.25,  0.25, -0.75],
           [ 0.  ,  0.  ,  0.  ,  0.  ]])
    """
    probabilities, targets, counts = saved
    scale = (counts * (d_loss / counts.sum())).astype(probabilities.dtype)  # (*batch)
    d_logits = probabilities * scale[..., None]
    at_target = np.take_along_axis(d_logits, targets[..., None], axis=-1) - scale[..., None]
    np.put_along_axis(d_logits, targets[..., None], at_target, axis=-1)
    return d_logits
