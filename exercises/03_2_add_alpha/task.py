"""Add α to every count.

Exercise 03.2 · 03_predicting_the_next_token · easy · 10 minutes

A token that was never seen after a context has the plain probability 0, and one such token makes the loss of
a whole text infinite. The oldest remedy: pretend that everything was seen α times more than it was. The rows
of the table are contexts, the columns are the tokens of the vocabulary.
"""

import numpy as np
from jaxtyping import Float, Int


def add_alpha(counts: Int[np.ndarray, "C V"], alpha: float) -> Float[np.ndarray, "C V"]:
    r"""Return the smoothed probability of every token after every context.

    $q(w \mid h) = \dfrac{c(h, w) + \alpha}{c(h) + \alpha V}$, where $c(h)$ is the sum of the row.

    Parameters
    ----------
    counts : int array of shape (C, V)
        How often each of V tokens followed each of C contexts. A row may be all zeros.
    alpha : float
        Greater than 0.

    Returns
    -------
    float array of shape (C, V)
        Probabilities; each row sums to one.

    Examples
    --------
    One half is added to each of four counts, which makes (2 + 2) out of 2:

    >>> add_alpha(np.array([[2, 0, 0, 0]]), alpha=0.5)
    array([[0.625, 0.125, 0.125, 0.125]])
    """
    raise NotImplementedError
