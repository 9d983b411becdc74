"""Load the weights, and miss nothing.

Exercise 10.4 · 10_from_numpy_to_pytorch · easy · 20 minutes

Part I's weights are NumPy arrays under names; a module has parameters under names. Bring the ones into the
others so that nothing can go wrong silently: no name passed over, no shape stretched, no tie cut, no dtype
changed, and after a refusal the module is as it was.
"""

from collections.abc import Mapping

import numpy as np
from torch import nn


def load_arrays(module: nn.Module, arrays: Mapping[str, np.ndarray]) -> None:
    """Copy each array into the parameter of its name.

    Parameters
    ----------
    module : nn.Module
        Its parameters by `named_parameters`, which gives a shared one once. They stay the same objects, keep
        their dtype, and still require their gradients.
    arrays : mapping of name to array
        One for each of those names, of the parameter's shape; converted to its dtype, and not shared with it.

    Returns
    -------
    None

    Raises
    ------
    ValueError
        If a name is missing or left over, or a shape differs. Nothing has been copied then.

    Examples
    --------
    >>> layer = nn.Linear(2, 1, bias=False)
    >>> load_arrays(layer, {"weight": np.array([[3.0, 4.0]])})
    >>> layer.weight.tolist(), layer.weight.dtype
    ([[3.0, 4.0]], torch.float32)
    """
    raise NotImplementedError
