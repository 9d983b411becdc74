"""What to divide by.

Exercise 16.2 · 16_evaluation · easy · 15 minutes

A model has told how likely each choice is after the question. Pick its answer, by four rules that papers use.
"""

import numpy as np
from jaxtyping import Float, Int


def pick(
    log_likelihoods: Float[np.ndarray, " n"],
    unconditional: Float[np.ndarray, " n"],
    tokens: Int[np.ndarray, " n"],
    choices: list[str],
    rule: str,
) -> int:
    """Return the index of the choice with the largest score; of equal ones the first.

    ``raw``: the log-likelihood. ``token``: divided by the number of tokens. ``byte``: divided by the number
    of bytes of the choice in UTF-8, without spaces at its two ends. ``unconditional``: how much likelier, in
    nats, the choice is after the question than after "Answer:" alone.

    Parameters
    ----------
    log_likelihoods : float array of shape (n,)
        ``log p(choice | question)``, nats.
    unconditional : float array of shape (n,)
        ``log p(choice | "Answer:")``, nats.
    tokens : int array of shape (n,)
        Tokens of each choice.
    choices : list of str
        As they follow the question, most often with a space in front.
    rule : str
        One of the four.

    Returns
    -------
    int

    Examples
    --------
    By the likelihood " yes" wins; per byte it is -2 / 3 against -3 / 8.

    >>> nats, alone, tokens = np.array([-2.0, -3.0]), np.array([-1.0, -8.0]), np.array([1, 3])
    >>> pick(nats, alone, tokens, [" yes", " an apple"], "raw")
    0
    >>> pick(nats, alone, tokens, [" yes", " an apple"], "byte")
    1
    """
    raise NotImplementedError
