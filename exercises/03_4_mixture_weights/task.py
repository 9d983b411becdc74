"""The weights of a mixture.

Exercise 03.4 · 03_predicting_the_next_token · medium · 25 minutes

A unigram, a bigram and a trigram all have an opinion about the next token. Mix them, q = w1 q1 + w2 q2 +
w3 q3, but with which weights? Not with those that suit the training text, where the trigram knows everything.
Take a third text, and ask for every token of it which model deserves the credit. Jelinek and Mercer did this
in 1980; the method is an instance of expectation-maximisation, and has no step size that could be wrong.
"""

import numpy as np
from jaxtyping import Float


def mixture_weights(q: Float[np.ndarray, "N M"], rounds: int) -> Float[np.ndarray, " M"]:
    r"""Return the weights of M models after some rounds of credit.

    All models begin with the weight 1/M. In each round, model m's credit for token i is its share of the
    mixture's probability, $r_{im} = w_m q_{im} / \sum_k w_k q_{ik}$; its new weight is its mean credit,
    $w_m = \frac1N \sum_i r_{im}$.

    Parameters
    ----------
    q : float array of shape (N, M)
        The probability that each of M models gave to each of N tokens of the third text. Some may be 0, but
        each token has a model that held it possible.
    rounds : int
        How often the weights are renewed, 0 or more.

    Returns
    -------
    float array of shape (M,)
        The weights, which sum to one.

    Examples
    --------
    One round from (1/2, 1/2). The credits are (3/4, 1/4) for the first token and (0, 1) for the second:

    >>> mixture_weights(np.array([[0.6, 0.2], [0.0, 0.5]]), rounds=1)
    array([0.375, 0.625])
    """
    raise NotImplementedError
