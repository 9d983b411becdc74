r"""A row's loss in two passes.

Exercise 20.1 · 20_fused_cross_entropy_and_adamw · medium · 25 minutes

A row of logits lies in memory that is far away, and is longer than what fits beside the processor. You reach
it by two functions only, a piece at a time, and somebody counts. Two loads of each logit are enough for the
loss and for its gradient, which replaces the row.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float


def row_loss(
    load: Callable[[int, int], Float[np.ndarray, " n"]],
    store: Callable[[int, Float[np.ndarray, " n"]], None],
    V: int,
    target: int,
    width: int,
) -> float:
    r"""Return the nats of one row of logits, and leave their gradient in the row.

    The nats are $\ell = \ln \sum_v e^{z_v} - z_{target}$, the gradient $e^{z_v} / \sum_u e^{z_u} - [v =
    target]$. Each logit may be loaded twice, and one of them once more; each place is stored to once. The
    nats of a likely target must keep their digits, whatever the size of the logits.

    Parameters
    ----------
    load : function of (start, stop)
        Gives a copy of the logits from `start` up to `stop` or the end of the row, at most `width` of them,
        in float32. Some may be $-\infty$: tokens that cannot come.
    store : function of (start, values)
        Writes `values`, at most `width` of them, to the row from `start` on.
    V : int
        Logits in the row.
    target : int
        Its logit is finite.
    width : int
        Need not divide V.

    Returns
    -------
    float
        Nats.

    Examples
    --------
    Two logits of zero: each token has half the probability.

    >>> row = np.zeros(2, dtype=np.float32)
    >>> def store(start, values):
    ...     row[start : start + len(values)] = values
    >>> round(row_loss(lambda start, stop: row[start:stop].copy(), store, 2, 1, width=1), 4), row.tolist()
    (0.6931, [0.5, -0.5])
    """
    raise NotImplementedError
