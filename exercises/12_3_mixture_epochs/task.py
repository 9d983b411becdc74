r"""From shares to epochs and draws.

Exercise 12.3 · 12_data · medium · 20 minutes

A mixture is given as shares of the *tokens*, in any unit. From it follow two things: how often each source is
read, its *epochs*, when $T$ tokens are drawn in all, and with which probability the next *document* has to
come from each source, so that the tokens come out as asked. The documents of different sources differ in
length.
"""

import numpy as np
from jaxtyping import Float, Int


def epochs(
    shares: Float[np.ndarray, " N"], sizes: Int[np.ndarray, " N"], budget: int
) -> Float[np.ndarray, " N"]:
    r"""Return how many times each source is read.

    $w_i T / n_i$, where the weights $w_i$ are the shares over their sum.

    Parameters
    ----------
    shares : float array, shape (N,)
        Of the tokens, in any unit, none negative.
    sizes : int array, shape (N,)
        $n_i$, tokens in each source.
    budget : int
        $T$, tokens to draw in all.

    Returns
    -------
    float array, shape (N,)

    Examples
    --------
    >>> epochs(np.array([30.0, 10.0]), np.array([100, 400]), budget=400).tolist()
    [3.0, 0.25]
    """
    raise NotImplementedError


def draw_probabilities(
    shares: Float[np.ndarray, " N"], sizes: Int[np.ndarray, " N"], documents: Int[np.ndarray, " N"]
) -> Float[np.ndarray, " N"]:
    r"""Return the probability of each source for the next document: $p_i \propto w_i / \ell_i$, with sum 1.

    Parameters
    ----------
    shares : float array, shape (N,)
        Of the tokens, in any unit, none negative.
    sizes : int array, shape (N,)
        Tokens in each source.
    documents : int array, shape (N,)
        Documents in each source; the mean length $\ell_i$ is tokens over documents.

    Returns
    -------
    float array, shape (N,)

    Examples
    --------
    >>> draw_probabilities(np.array([1.0, 1.0]), np.array([300, 100]), np.array([3, 10])).tolist()
    [0.09090909090909091, 0.9090909090909092]
    """
    raise NotImplementedError
