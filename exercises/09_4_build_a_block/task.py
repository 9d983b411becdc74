r"""Build a block, forward and backward.

Exercise 09.4 · 09_a_llama_in_numpy · hard · 90 minutes · build

The long exercise of Part I: a whole block of LLaMA, with nothing but NumPy. RMSNorm, rotary positions,
grouped attention, SwiGLU, two residual connections, and the gradient of every weight. What you wrote in
chapters 05 to 08 may be used again: write helpers into this file as you like.

Six functions, checked one by one, so that you see how far you are. No backward gets anything saved: each
makes again what it needs. (Long runs do the same to save memory; chapter 15 calls it activation
checkpointing.)

    x ──┬── attention_norm ── attention_layer ──(+)── h ──┬── ffn_norm ── feed_forward ──(+)── out
        └─────────────────────────────────────┘           └─────────────────────────────┘
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float


def feed_forward(x: Float[np.ndarray, "B T C"], w: Mapping[str, np.ndarray]) -> Float[np.ndarray, "B T C"]:
    r"""Widen, gate, come back: SwiGLU.

    $W_{down}\,(\mathrm{silu}(W_{gate}\,x) \odot W_{up}\,x)$, with $\mathrm{silu}(z) = z / (1 + e^{-z})$.

    Parameters
    ----------
    x : float array of shape (B, T, C)
    w : mapping of name to float array
        "w_gate" and "w_up" of shape (F, C), "w_down" of shape (C, F): one row for each output.

    Returns
    -------
    float array of shape (B, T, C)

    Examples
    --------
    silu(ln 3) is 0.75 ln 3, about 0.824; up is 2 ln 3.

    >>> w = {"w_gate": np.array([[1.0]]), "w_up": np.array([[2.0]]), "w_down": np.array([[10.0]])}
    >>> feed_forward(np.log([[[3.0]]]), w).round(2)
    array([[[18.1]]])
    """
    raise NotImplementedError


def feed_forward_backward(
    d_out: Float[np.ndarray, "B T C"], x: Float[np.ndarray, "B T C"], w: Mapping[str, np.ndarray]
) -> tuple[Float[np.ndarray, "B T C"], dict[str, np.ndarray]]:
    """Return the gradients of the feed-forward layer's input and weights.

    Parameters
    ----------
    d_out : float array of shape (B, T, C)
        Gradient of the loss by the layer's output.
    x, w
        As given to `feed_forward`.

    Returns
    -------
    d_x : float array of shape (B, T, C)
    grads : dict of name to float array
        The names and shapes of `w`.

    Examples
    --------
    At x = 0 both factors are 0, and nothing gets through:

    >>> w = {"w_gate": np.array([[1.0]]), "w_up": np.array([[2.0]]), "w_down": np.array([[10.0]])}
    >>> d_x, grads = feed_forward_backward(np.ones((1, 1, 1)), np.zeros((1, 1, 1)), w)
    >>> d_x, sorted(grads)
    (array([[[0.]]]), ['w_down', 'w_gate', 'w_up'])
    """
    raise NotImplementedError


def attention_layer(
    x: Float[np.ndarray, "B T C"],
    w: Mapping[str, np.ndarray],
    cos: Float[np.ndarray, "T D2"],
    sin: Float[np.ndarray, "T D2"],
) -> Float[np.ndarray, "B T C"]:
    r"""Causal attention with rotary positions and grouped queries, projections included.

    Project to queries, keys and values; cut each into heads of width D; turn queries and keys; let each
    position average the values of itself and all before it, with weights softmax($q \cdot k / \sqrt D$);
    put the heads side by side again; project with "wo".

    Parameters
    ----------
    x : float array of shape (B, T, C)
    w : mapping of name to float array
        "wq" of shape (H D, C), "wk" and "wv" (K D, C), "wo" (C, H D). Rows 0 to D - 1 belong to head 0, and
        so on. Query head h reads key/value head h // (H / K).
    cos, sin : float arrays of shape (T, D/2)
        Of the angles of pair i at position t. Pair i of a head is (i, i + D/2), the half layout:
        (a, b) becomes (a cos - b sin, b cos + a sin).

    Returns
    -------
    float array of shape (B, T, C)

    Examples
    --------
    With queries of zero, position t is the mean of all up to t:

    >>> w = {"wq": np.zeros((2, 2)), "wk": np.eye(2), "wv": np.eye(2), "wo": np.eye(2)}
    >>> x = np.array([[[2.0, 0.0], [4.0, 0.0], [9.0, 3.0]]])
    >>> attention_layer(x, w, np.ones((3, 1)), np.zeros((3, 1)))
    array([[[2., 0.],
            [3., 0.],
            [5., 1.]]])
    """
    raise NotImplementedError


def attention_layer_backward(
    d_out: Float[np.ndarray, "B T C"],
    x: Float[np.ndarray, "B T C"],
    w: Mapping[str, np.ndarray],
    cos: Float[np.ndarray, "T D2"],
    sin: Float[np.ndarray, "T D2"],
) -> tuple[Float[np.ndarray, "B T C"], dict[str, np.ndarray]]:
    """Return the gradients of the attention layer's input and weights.

    Parameters
    ----------
    d_out : float array of shape (B, T, C)
        Gradient of the loss by the layer's output.
    x, w, cos, sin
        As given to `attention_layer`.

    Returns
    -------
    d_x : float array of shape (B, T, C)
    grads : dict of name to float array
        The names and shapes of `w`.

    Examples
    --------
    With queries and keys of zero, position 0 is used whole by itself and half by position 1:

    >>> w = {"wq": np.zeros((2, 2)), "wk": np.zeros((2, 2)), "wv": np.eye(2), "wo": np.eye(2)}
    >>> d_out = np.array([[[4.0, 0.0], [2.0, 0.0]]])
    >>> x, cos, sin = np.zeros((1, 2, 2)), np.ones((2, 1)), np.zeros((2, 1))
    >>> d_x, grads = attention_layer_backward(d_out, x, w, cos, sin)
    >>> d_x
    array([[[5., 0.],
            [1., 0.]]])
    """
    raise NotImplementedError


def block(
    x: Float[np.ndarray, "B T C"],
    w: Mapping[str, np.ndarray],
    cos: Float[np.ndarray, "T D2"],
    sin: Float[np.ndarray, "T D2"],
    eps: float,
) -> Float[np.ndarray, "B T C"]:
    r"""Run one pre-norm block.

    $h = x + \mathrm{attention}(\mathrm{norm}(x))$, and the result is $h + \mathrm{ffn}(\mathrm{norm}(h))$.

    Parameters
    ----------
    x : float array of shape (B, T, C)
        The residual stream. Leave the array as it is.
    w : mapping of name to float array
        The seven matrices of `attention_layer` and `feed_forward`, and the RMSNorms' factors
        "attention_norm" and "ffn_norm", of shape (C,).
    cos, sin : float arrays of shape (T, D/2)
        As in `attention_layer`.
    eps : float
        Of both norms: added to the mean square, inside the root.

    Returns
    -------
    float array of shape (B, T, C)

    Examples
    --------
    With both writing matrices at zero a block passes its input on:

    >>> w = {name: np.eye(2) for name in ("wq", "wk", "wv", "w_gate", "w_up")}
    >>> w |= {"wo": np.zeros((2, 2)), "w_down": np.zeros((2, 2))}
    >>> w |= {"attention_norm": np.ones(2), "ffn_norm": np.ones(2)}
    >>> block(np.array([[[3.0, -4.0]]]), w, np.ones((1, 1)), np.zeros((1, 1)), 0.0)
    array([[[ 3., -4.]]])
    """
    raise NotImplementedError


def block_backward(
    d_out: Float[np.ndarray, "B T C"],
    x: Float[np.ndarray, "B T C"],
    w: Mapping[str, np.ndarray],
    cos: Float[np.ndarray, "T D2"],
    sin: Float[np.ndarray, "T D2"],
    eps: float,
) -> tuple[Float[np.ndarray, "B T C"], dict[str, np.ndarray]]:
    """Return the gradients of the block's input and of all nine weights.

    Every fork of the forward pass is a sum on the way back: the gradient that comes straight down the
    stream, plus the one that comes through the branch.

    Parameters
    ----------
    d_out : float array of shape (B, T, C)
        Gradient of the loss by the block's output.
    x, w, cos, sin, eps
        As given to `block`.

    Returns
    -------
    d_x : float array of shape (B, T, C)
    grads : dict of name to float array
        The names and shapes of `w`.

    Examples
    --------
    With both writing matrices at zero, only the straight road is left:

    >>> w = {name: np.eye(2) for name in ("wq", "wk", "wv", "w_gate", "w_up")}
    >>> w |= {"wo": np.zeros((2, 2)), "w_down": np.zeros((2, 2))}
    >>> w |= {"attention_norm": np.ones(2), "ffn_norm": np.ones(2)}
    >>> d_x, grads = block_backward(
    ...     np.array([[[5.0, 7.0]]]), np.array([[[3.0, -4.0]]]), w, np.ones((1, 1)), np.zeros((1, 1)), 0.0
    ... )
    >>> d_x, len(grads)
    (array([[[5., 7.]]]), 9)
    """
    raise NotImplementedError
