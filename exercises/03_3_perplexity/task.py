"""Perplexity of a padded batch.

Exercise 03.3 · 03_predicting_the_next_token · easy · 10 minutes

Texts of different length are put into one rectangular array, and where a row has no token any more its target
is -100. Those places are not text, and count for nothing. A perplexity is then one number for the whole
batch: the size of a fair die that would surprise us as much as these tokens did, on average.
"""

import numpy as np
from jaxtyping import Float, Int


def perplexity(log_p: Float[np.ndarray, "B T"], targets: Int[np.ndarray, "B T"]) -> float:
    r"""Return the perplexity of all tokens of the batch together.

    $\exp\big(-\frac1N \sum \ln q\big)$, over the N places whose target is a token.

    Parameters
    ----------
    log_p : float array of shape (B, T)
        The natural logarithm of the probability that the model gave to the target, in nats. Where there is no
        target, any number may stand here, also NaN or minus infinity.
    targets : int array of shape (B, T)
        Token ids, or -100 where there is none. At least one is a token.

    Returns
    -------
    float
        The perplexity, at least 1; infinite if some token had the probability 0.

    Examples
    --------
    Three tokens with probabilities 1/2, 1/8 and 1/4: on average ln 4.

    >>> q = np.array([[0.5, 0.125], [0.25, 1.0]])
    >>> round(perplexity(np.log(q), np.array([[7, 3], [5, -100]])), 6)
    4.0
    """
    raise NotImplementedError
