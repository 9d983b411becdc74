"""The key/value cache: what attention computed for earlier positions, kept for later ones.

Left out: room made beforehand, so that nothing is copied as it grows (`minillama.model.cache`), and pages
(chapter 25).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float


class KVCache:
    """Keys and values of every layer, each (B, K, S, D), growing along S.

    Parameters
    ----------
    n_layers : int

    Examples
    --------
    >>> cache = KVCache(n_layers=1)
    >>> k, v = cache.extend(0, np.zeros((1, 2, 3, 4)), np.zeros((1, 2, 3, 4)))
    >>> k, v = cache.extend(0, np.ones((1, 2, 1, 4)), np.ones((1, 2, 1, 4)))
    >>> k.shape, cache.length
    ((1, 2, 4, 4), 4)
    """

    def __init__(self, n_layers: int) -> None:
        self._layers: list[tuple[np.ndarray, np.ndarray] | None] = [None] * n_layers

    @property
    def length(self) -> int:
        """Positions that every layer has seen; the next token has this position."""
        last = self._layers[-1]
        return 0 if last is None else last[0].shape[2]

    def extend(
        self, layer: int, k: Float[np.ndarray, "B K T D"], v: Float[np.ndarray, "B K T D"]
    ) -> tuple[Float[np.ndarray, "B K S D"], Float[np.ndarray, "B K S D"]]:
        """Store `k` and `v` of `layer` behind what is there; return all S = length + T positions."""
        before = self._layers[layer]
        if before is not None:
            k, v = np.concatenate([before[0], k], axis=2), np.concatenate([before[1], v], axis=2)
        self._layers[layer] = k, v
        return k, v
