"""Find the induction head.

Exercise 07.5 · 07_attention · medium · 15 minutes

You have a head's weights on one text. Is it an induction head? One looks, from a token that has occurred
before, at what followed it then. Measure how much of its attention it spends so.
"""

import numpy as np
from jaxtyping import Float, Int


def induction_score(weights: Float[np.ndarray, "T T"], tokens: Int[np.ndarray, " T"]) -> float:
    """Return the mean attention on tokens that followed earlier occurrences of the current one.

    For a position t whose token has occurred at one or more earlier positions s < t, add up the weights of
    query t on the keys s + 1. The score is the mean of these sums over all such t.

    Parameters
    ----------
    weights : float array of shape (T, T)
        Row t holds the weights of query t on keys 0 to T - 1; zero after t.
    tokens : int array of shape (T,)
        The text.

    Returns
    -------
    float
        Between 0 and 1; 0.0 if no token occurs twice.

    Examples
    --------
    The second 7 (row 2) gives 0.8 to the 4 that followed the first one; the second 4 (row 3) gives 0.4 to the
    second 7, which followed the first 4.

    >>> weights = np.array([[1.0, 0, 0, 0], [0.5, 0.5, 0, 0], [0.1, 0.8, 0.1, 0], [0.6, 0.0, 0.4, 0]])
    >>> round(induction_score(weights, np.array([7, 4, 7, 4])), 3)
    0.6
    """
    raise NotImplementedError
