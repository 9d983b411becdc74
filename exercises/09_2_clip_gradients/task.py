"""Clip the gradients.

Exercise 09.2 · 09_a_llama_in_numpy · easy · 10 minutes

One bad batch can throw a model far off. So LLaMA's training limits the length of the gradient: of *one*
vector, in which the gradients of all weights stand one after another. Its direction stays as it is.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float


def clip_gradients(
    grads: Mapping[str, Float[np.ndarray, "..."]], max_norm: float
) -> tuple[dict[str, Float[np.ndarray, "..."]], float]:
    r"""Return the gradients, shortened together to a length of at most `max_norm`, and the length before.

    The length is $\sqrt{\sum g^2}$ over all entries of all arrays. If it exceeds `max_norm`, all arrays are
    multiplied by one factor, so that it becomes `max_norm`; otherwise they stay as they are.

    Parameters
    ----------
    grads : mapping of name to float array
        Any shapes. Leave the arrays as they are.
    max_norm : float
        The greatest length allowed; LLaMA's is 1.0.

    Returns
    -------
    clipped : dict of name to float array
        New arrays under the same names.
    norm : float
        The length before.

    Examples
    --------
    The length of (3, 4) is 5, even if 3 and 4 stand in two arrays:

    >>> clip_gradients({"wq": np.array([3.0]), "wk": np.array([[4.0]])}, max_norm=2.5)
    ({'wq': array([1.5]), 'wk': array([[2.]])}, 5.0)
    """
    raise NotImplementedError
