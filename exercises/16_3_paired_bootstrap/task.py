"""Two models, the same questions.

Exercise 16.3 · 16_evaluation · medium · 15 minutes

Model A answered 71 % of the questions, model B 69 %. Is that luck? Draw the questions again, many times, and
look how the difference moves.
"""

import numpy as np
from jaxtyping import Float, Int


def paired_interval(
    a: Float[np.ndarray, " n"], b: Float[np.ndarray, " n"], draws: Int[np.ndarray, "samples n"]
) -> tuple[float, float, float]:
    """Return the difference of the two means and the two ends of its 95 % bootstrap interval.

    Each row of `draws` names n questions, with repetitions. For each row, take the mean of A minus the mean
    of B on *those* questions. The ends are the 2.5 % and the 97.5 % quantile of these differences
    (`np.quantile`).

    Parameters
    ----------
    a, b : float arrays of shape (n,)
        1 where the model was right, 0 where it was wrong; question by question.
    draws : int array of shape (samples, n)
        Indices of questions.

    Returns
    -------
    difference, low, high : float
        Of A minus B; `difference` on the questions themselves.

    Examples
    --------
    A is right where B is, and on one question more. Four draws of three questions.

    >>> a, b = np.array([1.0, 1.0, 0.0]), np.array([1.0, 0.0, 0.0])
    >>> draws = np.array([[0, 1, 2], [1, 1, 2], [0, 0, 2], [1, 0, 1]])
    >>> difference, low, high = paired_interval(a, b, draws)
    >>> round(difference, 3), round(low, 3), round(high, 3)
    (0.333, 0.025, 0.667)
    """
    raise NotImplementedError
