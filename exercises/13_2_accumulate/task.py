r"""The gradient of a batch in pieces.

Exercise 13.2 · 13_training · medium · 15 minutes

A batch went through the model in K micro-batches. Of each you have the gradient of its *summed* loss and the
number of its targets. Make of them what the optimiser gets: the gradient of the mean loss over all targets,
clipped.
"""

import numpy as np
from jaxtyping import Float, Int


def batch_gradient(
    sums: Float[np.ndarray, "K P"], counts: Int[np.ndarray, " K"], max_norm: float
) -> tuple[Float[np.ndarray, " P"], float]:
    r"""Return the clipped gradient of the batch's mean loss, and its length before clipping.

    With $\ell$ the nats of single targets, the batch's loss is $\sum_k \sum_j \ell_{kj} / \sum_k n_k$. If its
    gradient is longer than `max_norm`, it is shortened to that length, once.

    Parameters
    ----------
    sums : float array of shape (K, P)
        Row k: gradient by all P weights of the sum of micro-batch k's nats. Leave it as it is.
    counts : int array of shape (K,)
        Targets n in each micro-batch. Some may have none; not all.
    max_norm : float
        Longest gradient.

    Returns
    -------
    gradient : float array of shape (P,)
    norm : float
        Length of the gradient before clipping.

    Examples
    --------
    Five targets in all: (3, 4) and a length of 5, shortened to 1.

    >>> gradient, norm = batch_gradient(np.array([[5.0, 20.0], [10.0, 0.0]]), np.array([4, 1]), 1.0)
    >>> gradient, norm
    (array([0.6, 0.8]), 5.0)
    """
    raise NotImplementedError
