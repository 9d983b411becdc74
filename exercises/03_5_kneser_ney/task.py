"""Kneser–Ney for a bigram.

Exercise 03.5 · 03_predicting_the_next_token · hard · 30 minutes

Every count pays a tax of D, and what a context collects in this way is handed to a lower order. The lower
order does not ask how often a token occurred, but in how many different contexts. This is interpolated
Kneser–Ney, the best of the counting models, here for n = 2, where all counts fit into one square table.
"""

import numpy as np
from jaxtyping import Float, Int


def kneser_ney(counts: Int[np.ndarray, "V V"], discount: float) -> Float[np.ndarray, "V V"]:
    r"""Return the probability of every token w after every token h.

    $q(w \mid h) = \dfrac{\max(c(h,w) - D, 0)}{c(h)} + \dfrac{D\,t(h)}{c(h)}\; q_1(w)$,
    with $t(h)$ the number of different tokens that followed $h$. The lower order is
    $q_1(w) = \dfrac{|\{v : c(v, w) > 0\}|}{|\{(v, x) : c(v, x) > 0\}|}$: in how many contexts $w$ was met,
    as a share of all the bigrams that were met. After an $h$ that was never followed by anything,
    $q(w \mid h) = q_1(w)$.

    Parameters
    ----------
    counts : int array of shape (V, V)
        `counts[h, w]` is how often token w followed token h. Not all are 0.
    discount : float
        The tax D, between 0 and 1.

    Returns
    -------
    float array of shape (V, V)
        `q[h, w]`; each row sums to one.

    Examples
    --------
    Token 0 was followed 3 times by 0 and once by 1, token 1 twice by 1. Of the three bigrams that were met,
    one ends in 0 and two in 1. The first row pays 2 times a half, a quarter of its count:

    >>> kneser_ney(np.array([[3, 1], [0, 2]]), discount=0.5).round(4)
    array([[0.7083, 0.2917],
           [0.0833, 0.9167]])
    """
    raise NotImplementedError
