r"""Cut the vocabulary.

Exercise 15.4 · 15_training_at_scale · hard · 30 minutes

The output head is cut by columns: each process has the logits of a part of the vocabulary, and nobody has all
of them. For each position a process tells the others three numbers, and from these anybody can say what the
position costs: $\log \sum_v e^{z_v} - z_{\text{target}}$, over the whole vocabulary. Logits may be large:
nothing may overflow.
"""

import numpy as np
from jaxtyping import Float, Int


def three_numbers(
    logits: Float[np.ndarray, "N W"], targets: Int[np.ndarray, " N"], rank: int
) -> tuple[Float[np.ndarray, " N"], Float[np.ndarray, " N"], Float[np.ndarray, " N"]]:
    r"""Return what process `rank` tells the others.

    Parameters
    ----------
    logits : float array, shape (N, W)
        Of the tokens from rank * W on, W of them.
    targets : int64 array, shape (N,)
        Of the whole vocabulary; -100 is ignored.
    rank : int
        Of this process, from 0.

    Returns
    -------
    largest : float array, shape (N,)
        The largest logit here, $m = \max_v z_v$.
    total : float array, shape (N,)
        $\sum_v e^{z_v - m}$ over the tokens here.
    hit : float array, shape (N,)
        The target's logit if it is here, otherwise 0.

    Examples
    --------
    >>> largest, total, hit = three_numbers(np.array([[5.0, 5.0], [1.0, 1.0]]), np.array([3, 0]), 1)
    >>> largest, total, hit
    (array([5., 1.]), array([2., 2.]), array([5., 0.]))
    """
    raise NotImplementedError


def mean_nats(
    largest: Float[np.ndarray, "n N"],
    total: Float[np.ndarray, "n N"],
    hit: Float[np.ndarray, "n N"],
    targets: Int[np.ndarray, " N"],
) -> float:
    """Return the mean loss over the targets that count, from what n processes told.

    Parameters
    ----------
    largest, total, hit : float arrays, shape (n, N)
        Row r is from process r.
    targets : int64 array, shape (N,)
        -100 is ignored; at least one counts.

    Returns
    -------
    float
        In nats.

    Examples
    --------
    Two processes with two tokens each, all four alike:

    >>> loss = mean_nats(np.zeros((2, 1)), np.full((2, 1), 2.0), np.zeros((2, 1)), np.array([3]))
    >>> round(loss, 3) == round(float(np.log(4)), 3)
    True
    """
    raise NotImplementedError
