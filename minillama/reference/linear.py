"""The linear layer and the embedding, forward and backward: where nearly all parameters are.

Left out: low-rank and quantised weights (parts IV and V). Chapter 04 derives what stands here.

Weights are stored as (out, in), as in PyTorch and in every LLaMA checkpoint, so a row of the matrix makes one
output. Leading axes are flattened before the product: one large matrix product is what BLAS is good at.

References
----------
Rumelhart, Hinton and Williams 1986, Learning representations by back-propagating errors, Nature 323.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Integer


class SavedLinear(NamedTuple):
    """What `linear_backward` needs."""

    x: Float[np.ndarray, "*batch I"]
    weight: Float[np.ndarray, "O I"]
    has_bias: bool


class SavedEmbedding(NamedTuple):
    """What `embedding_backward` needs: which rows were read, and what the table looked like."""

    tokens: Integer[np.ndarray, "*batch"]
    shape: tuple[int, int]
    dtype: np.dtype


def linear(
    x: Float[np.ndarray, "*batch I"],
    weight: Float[np.ndarray, "O I"],
    bias: Float[np.ndarray, " O"] | None = None,
) -> tuple[Float[np.ndarray, "*batch O"], SavedLinear]:
    """Multiply each vector by a matrix: ``out[o] = sum_i weight[o, i] x[i] (+ bias[o])``.

    Parameters
    ----------
    x : array (*batch, I), float
        Any number of leading axes: each vector along the last one is multiplied by itself.
    weight : array (O, I), float
        One row for each output.
    bias : array (O,), float, optional
        Added to each output. LLaMA has none.

    Returns
    -------
    out : array (*batch, O)
    saved : SavedLinear
        For `linear_backward`.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> out, saved = linear(np.array([1.0, 2.0]), np.array([[3.0, 4.0], [5.0, 6.0], [0.0, 1.0]]))
    >>> out
    array([11., 17.,  2.])
    """
    if weight.ndim != 2 or x.shape[-1:] != weight.shape[1:]:
        raise ValueError(
            f"weight has shape {weight.shape}, expected (out, {x.shape[-1] if x.ndim else 'in'}):"
            f" one column for each entry of x, whose shape is {x.shape}"
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"bias has shape {bias.shape}, expected ({len(weight)},): one entry for each output")
    out = (_rows(x) @ weight.T).reshape(*x.shape[:-1], len(weight))  # (N, I) @ (I, O) -> (*batch, O)
    if bias is not None:
        out += bias
    return out, SavedLinear(x, weight, bias is not None)


def linear_backward(
    d_out: Float[np.ndarray, "*batch O"], saved: SavedLinear
) -> tuple[Float[np.ndarray, "*batch I"], Float[np.ndarray, "O I"], Float[np.ndarray, " O"] | None]:
    """Return the gradients of `x`, `weight` and `bias` (None if there was no bias).

    From ``out[o] = sum_i weight[o, i] x[i] + bias[o]``, for every vector of the batch:

        d_x[i] = sum_o d_out[o] weight[o, i]
        d_weight[o, i] = sum over the batch of d_out[o] x[i]
        d_bias[o] = sum over the batch of d_out[o]

    Parameters
    ----------
    d_out : array (*batch, O), float
        Gradient of the output.
    saved : SavedLinear
        From `linear`.

    Returns
    -------
    d_x : array (*batch, I)
    d_weight : array (O, I)
    d_bias : array (O,), or None

    Raises
    ------
    ValueError
        If `d_out` does not have the shape of the forward's output.

    Examples
    --------
    >>> out, saved = linear(np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]]), np.zeros(1))
    >>> linear_backward(np.array([[10.0]]), saved)
    (array([[30., 40.]]), array([[10., 20.]]), array([10.]))
    """
    x, weight, has_bias = saved
    if d_out.shape != (*x.shape[:-1], len(weight)):
        raise ValueError(
            f"d_out has shape {d_out.shape}, expected that of the output, {(*x.shape[:-1], len(weight))}"
        )
    rows = _rows(d_out)  # (N, O)
    d_x = (rows @ weight).reshape(x.shape)  # (N, O) @ (O, I) -> (*batch, I)
    d_weight = rows.T @ _rows(x)  # (O, N) @ (N, I)
    return d_x, d_weight, rows.sum(axis=0) if has_bias else None


def embedding(
    tokens: Integer[np.ndarray, "*batch"], weight: Float[np.ndarray, "V C"]
) -> tuple[Float[np.ndarray, "*batch C"], SavedEmbedding]:
    """Pick one row of a table for each token: ``out = weight[token]``.

    It is the linear layer of a one-hot vector, without the multiplications by zero.

    Parameters
    ----------
    tokens : array (*batch), integer
        From 0 to V - 1.
    weight : array (V, C), float

    Returns
    -------
    out : array (*batch, C)
    saved : SavedEmbedding
        For `embedding_backward`.

    Raises
    ------
    ValueError
        If a token has no row: NumPy by itself would count negative ones from the end.

    Examples
    --------
    >>> embedding(np.array([2, 0]), np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]))[0]
    array([[4., 5.],
           [0., 1.]])
    """
    if tokens.size and not 0 <= tokens.min() <= tokens.max() < len(weight):
        raise ValueError(
            f"tokens run from {tokens.min()} to {tokens.max()}, expected 0 to {len(weight) - 1}:"
            f" the table has {len(weight)} rows"
        )
    return weight[tokens], SavedEmbedding(tokens, weight.shape, weight.dtype)


def embedding_backward(
    d_out: Float[np.ndarray, "*batch C"], saved: SavedEmbedding
) -> Float[np.ndarray, "V C"]:
    """Return the gradient of `weight`: each row is the sum over the places where its token stood.

    Tokens are sorted so that equal ones are neighbours and each group is summed in one call;
    ``np.add.at(d_weight, tokens, d_out)`` says the same in one line, several times slower.

    Parameters
    ----------
    d_out : array (*batch, C), float
        Gradient of the output.
    saved : SavedEmbedding
        From `embedding`.

    Returns
    -------
    array (V, C)
        Zero in the rows of tokens that did not occur.

    Raises
    ------
    ValueError
        If `d_out` does not have the shape of the forward's output.

    Examples
    --------
    Token 1 stood in two places:

    >>> out, saved = embedding(np.array([1, 0, 1]), np.zeros((3, 1)))
    >>> embedding_backward(np.array([[1.0], [10.0], [100.0]]), saved)
    array([[ 10.],
           [101.],
           [  0.]])
    """
    tokens, shape, dtype = saved
    if d_out.shape != (*tokens.shape, shape[1]):
        raise ValueError(
            f"d_out has shape {d_out.shape}, expected that of the output, {(*tokens.shape, shape[1])}"
        )
    d_weight = np.zeros(shape, dtype)
    if tokens.size:
        order = np.argsort(tokens, axis=None, kind="stable")
        sorted_tokens = tokens.ravel()[order]
        starts = np.flatnonzero(np.diff(sorted_tokens, prepend=-1))  # where each group of equals begins
        d_weight[sorted_tokens[starts]] = np.add.reduceat(_rows(d_out)[order], starts, axis=0)
    return d_weight


def _rows(x: Float[np.ndarray, "*batch C"]) -> Float[np.ndarray, "N C"]:
    """All vectors of a batch, one below the other."""
    return x.reshape(-1, x.shape[-1])  # (*batch, C) -> (N, C)
