"""Shared runs.

Exercise 16.4 · 16_evaluation · medium · 15 minutes

Was a question in the training data? Mark its tokens that stand in a run of n tokens which some training
document has too.
"""

import numpy as np
from jaxtyping import Bool


def covered(question: list[int], documents: list[list[int]], n: int) -> Bool[np.ndarray, " length"]:
    """Return for each token of the question whether it stands in a shared run of n tokens.

    A run is n tokens that follow one another within one document. A token may stand in several runs.

    Parameters
    ----------
    question : list of int
        Token ids.
    documents : list of lists of int
        The training data.
    n : int
        Length of a run, 1 or more.

    Returns
    -------
    bool array of shape (length,)

    Examples
    --------
    The run 2 3 4 occurs in the first document. The 9 and the 1 stand in no shared run.

    >>> covered([9, 2, 3, 4, 1], [[1, 2, 3, 4], [5, 6]], n=3).tolist()
    [False, True, True, True, False]
    """
    raise NotImplementedError
