"""Draw the next token.

Exercise 01.2 · 01_the_whole_tour · medium · 15 minutes

The model ends in scores, one for each token of the vocabulary; a story begins when a die is thrown over
them. Write the throw. The die is given: a random number `u` between 0 and 1, so that the result is the same
every time. Lay the tokens' probabilities end to end on a line of length 1, token 0 first: the token on whose
stretch `u` falls is drawn.
"""

import numpy as np
from jaxtyping import Float, Int


def sample_next(
    logits: Float[np.ndarray, "B V"],
    temperature: float,
    u: Float[np.ndarray, " B"],
) -> Int[np.ndarray, " B"]:
    """Draw one token for each row of scores.

    Row b has the probabilities p = softmax(logits[b] / temperature). The token drawn is the first whose
    cumulative probability p[0] + ... + p[i] is greater than u[b].

    Parameters
    ----------
    logits : float array of shape (B, V)
        Scores of V tokens, for each of B texts. Scores may be large: 1000 is no reason to fail.
    temperature : float
        Greater than 0. Below 1 the likely tokens become likelier yet.
    u : float array of shape (B,)
        A random number for each text, at least 0 and less than 1.

    Returns
    -------
    int array of shape (B,)
        Token ids, from 0 to V - 1.

    Examples
    --------
    Equal scores of four tokens give each a quarter of the line. 0.6 falls on the third quarter, 0.1 on the
    first:

    >>> sample_next(np.zeros((2, 4)), 1.0, np.array([0.6, 0.1]))
    array([2, 0])
    """
    raise NotImplementedError
