"""A softmax that survives.

Exercise 07.1 · 07_attention · easy · 15 minutes

Scores may be a thousand or minus a thousand. Some keys are forbidden, and a forbidden key may have the
largest score of all. Some rows have nothing to look at; PyTorch's fused attention gives them zeros, and
so shall you.
"""

import numpy as np
from jaxtyping import Bool, Float


def masked_softmax(
    scores: Float[np.ndarray, "*batch S"], mask: Bool[np.ndarray, "*batch S"]
) -> Float[np.ndarray, "*batch S"]:
    r"""Turn scores into weights that sum to one over the keys that may be seen.

    $p_j = e^{s_j} / \sum_{j'} e^{s_{j'}}$, with the sum over the allowed keys only, along the last axis;
    $p_j = 0$ for a key that is forbidden.

    Parameters
    ----------
    scores : float array of shape (*batch, S)
        Finite numbers of any size.
    mask : bool array of shape (*batch, S)
        True where a key may be seen.

    Returns
    -------
    float array of shape (*batch, S)
        Each row sums to one, or is all zeros if it has nothing to see. Without a warning and without NaN.

    Examples
    --------
    Two keys are equally good, the third is forbidden:

    >>> masked_softmax(np.array([1000.0, 1000.0, 3000.0]), np.array([True, True, False]))
    array([0.5, 0.5, 0. ])
    """
    raise NotImplementedError
