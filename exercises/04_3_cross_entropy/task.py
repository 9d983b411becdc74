r"""Cross-entropy, forward and backward.

Exercise 04.3 · 04_backpropagation · medium · 25 minutes

The loss of every language model in this book. Scores in, one number out: the mean surprise at the
targets, in nats. Where a target is `ignore_index`, nothing is asked. The gradient of the scores is the
most beautiful line of the chapter. Scores of a thousand must do no harm.
"""

import numpy as np
from jaxtyping import Float, Integer


def cross_entropy(
    logits: Float[np.ndarray, "*batch V"], targets: Integer[np.ndarray, "*batch"], ignore_index: int
) -> tuple[float, Float[np.ndarray, "*batch V"]]:
    r"""Return the mean surprise at the targets, and its gradient by the logits.

    $\ell = \frac1M \sum_n \left( \ln \sum_v e^{z_{nv}} - z_{n,t_n} \right)$, where the sum and $M$
    are over the targets that are not `ignore_index`.

    Parameters
    ----------
    logits : float array of shape (*batch, V)
        Scores of the next token. Any size: 1000 must not overflow.
    targets : integer array of shape (*batch,)
        What came, from 0 to V - 1, or `ignore_index`. At least one counts.
    ignore_index : int
        The value of targets that do not count; it may be any number that is no token.

    Returns
    -------
    loss : float
        In nats per target that counts.
    d_logits : float array of shape (*batch, V)
        Gradient of the loss. Zeros where the target was ignored.

    Examples
    --------
    Four equal scores cost ln 4 = 1.386 nats, whatever comes:

    >>> loss, d_logits = cross_entropy(np.zeros((2, 4)), np.array([3, -1]), ignore_index=-1)
    >>> round(loss, 3)
    1.386
    >>> d_logits[0]
    array([ 0.25,  0.25,  0.25, -0.75])
    """
    raise NotImplementedError
