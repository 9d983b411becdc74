r"""A loss in chunks, with a weight for each position.

Exercise 20.2 · 20_fused_cross_entropy_and_adamw · medium · 30 minutes

Answers of a chat count and questions do not; long texts should not drown short ones. Each position has a
weight, which is known before the loss is computed, and the logits of only a few positions may exist at once.
Both gradients are to be made in the same loop.
"""

import numpy as np
from jaxtyping import Float, Int


def weighted_loss(
    x: Float[np.ndarray, "N C"],
    head: Float[np.ndarray, "V C"],
    targets: Int[np.ndarray, " N"],
    weights: Float[np.ndarray, " N"],
    rows: int,
) -> tuple[float, Float[np.ndarray, "N C"], Float[np.ndarray, "V C"]]:
    r"""Return $\sum_i w_i \ell_i$, and its gradients by `x` and `head`, `rows` positions at a time.

    $\ell_i$ is the cross-entropy of position i with the logits $z = x\,\mathrm{head}^\top$, in nats. `x` and
    `head` may come in 16 bits; products and sums run in float32.

    Parameters
    ----------
    x : float16 or float32 array of shape (N, C)
        What the head reads.
    head : array of shape (V, C), of the dtype of `x`
    targets : int array of shape (N,)
        A token each, or -100 at some of the positions whose weight is 0.
    weights : float array of shape (N,)
    rows : int
        Positions whose logits may exist at the same time; it need not divide N.

    Returns
    -------
    float
        In nats.
    float32 array of shape (N, C)
        The gradient by `x`.
    float32 array of shape (V, C)
        The gradient by `head`.

    Examples
    --------
    All logits zero, so that each of two tokens has half the probability; the second position counts half.

    >>> x, head = np.ones((2, 1), dtype=np.float32), np.zeros((2, 1), dtype=np.float32)
    >>> loss, dx, dhead = weighted_loss(x, head, np.array([0, 1]), np.array([1.0, 0.5]), rows=1)
    >>> round(loss, 4), dhead.tolist()
    (1.0397, [[-0.25], [0.25]])
    """
    raise NotImplementedError
