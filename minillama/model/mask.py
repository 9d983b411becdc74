"""Which positions may look at which: causal, within a window, within one's own document.

    all before              sliding_window=2        documents=[0, 0, 1, 1]
    keys 0 1 2 3            keys 0 1 2 3            keys 0 1 2 3
  query 0  x . . .        query 0  x . . .        query 0  x . . .
  query 1  x x . .        query 1  x x . .        query 1  x x . .
  query 2  x x x .        query 2  . x x .        query 2  . . x .
  query 3  x x x x        query 3  . . x x        query 3  . . x x

References
----------
Causal: Vaswani et al. 2017, arXiv 1706.03762, section 3.2.3. Windows: Jiang et al. 2023, Mistral 7B,
arXiv 2310.06825, section 2. Documents: Llama 3, arXiv 2407.21783, section 3.2.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Int
from torch import Tensor


def attention_mask(
    start: int,
    end: int,
    window: int | None = None,
    documents: Int[Tensor, "B T"] | None = None,
    device: torch.device | str = "cpu",
) -> Bool[Tensor, "*documents T S"] | None:
    """Return what the queries `start` to `end` - 1 may see of the keys 0 to `end` - 1.

    Parameters
    ----------
    start, end : int
        Positions: T = end - start queries, S = end keys.
    window : int, optional
        A position sees itself and the `window` - 1 positions before it.
    documents : int64 tensor, shape (B, T), optional
        The number of the document that each position belongs to; `start` is 0 then.
    device
        Of the result.

    Returns
    -------
    bool tensor, shape (T, S), or (B, 1, T, S) with documents
        True: may look. None stands for plain causal attention, for which no mask need be stored.

    Raises
    ------
    ValueError
        If `documents` do not number all the keys.

    Examples
    --------
    >>> attention_mask(2, 5, window=3).int().tolist()
    [[1, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 1, 1]]
    >>> attention_mask(0, 5) is None
    True
    """
    if start == 0 and documents is None and (window is None or window >= end):
        return None
    query = torch.arange(start, end, device=device)[:, None]
    key = torch.arange(end, device=device)[None, :]
    seen = key <= query
    if window is not None:
        seen = seen & (key > query - window)
    if documents is None:
        return seen
    if documents.shape[1] != end:
        raise ValueError(f"documents number {documents.shape[1]} positions, expected all {end} and no cache")
    return seen & (documents[:, None, :, None] == documents[:, None, None, :])
