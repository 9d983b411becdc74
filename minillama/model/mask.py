"""Which positions may look at which: causal, within a window, within one's own document.

    all before              sliding_window=2        documents=[0, 0, 1, 1]
    keys 0 1 2 3            keys 0 1 2 3            keys 0 1 2 3
  query 0  x . . .        query 0  x . . .        query 0  x . . .
  query 1  x x . .        query 1  x x . .        query 1  x x . .
  query 2  x x x .        query 2  . x x .        query 2  . . x .
  query 3  x x x x        query 3  . . x x        query 3  . . x x
  first    0 0 0 0        first    0 0 1 2        first    0 0 2 2

Each query sees one unbroken stretch of keys, which ends with its own; so the first key says all, and no
T x S mask need be stored.

References
----------
Causal: Vaswani et al. 2017, arXiv 1706.03762, section 3.2.3. Windows: Jiang et al. 2023, Mistral 7B,
arXiv 2310.06825, section 2. Documents: Llama 3, arXiv 2407.21783, section 3.2.
"""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor


def first_visible(
    start: int,
    end: int,
    window: int | None = None,
    documents: Int[Tensor, "B T"] | None = None,
    device: torch.device | str = "cpu",
) -> Int[Tensor, "*rows T"] | None:
    """Return the first key that each of the queries `start` to `end` - 1 may see.

    Parameters
    ----------
    start, end : int
        Positions: T = end - start queries, S = end keys.
    window : int, optional
        A position sees itself and the `window` - 1 positions before it.
    documents : int64 tensor, shape (B, T), optional
        The number of the document that each position belongs to; `start` is 0 then. A document is a
        stretch of equal numbers.
    device
        Of the result.

    Returns
    -------
    int64 tensor, shape (T,), or (B, T) with documents
        None stands for 0 everywhere: plain causal attention.

    Raises
    ------
    ValueError
        If `documents` do not number all the keys.

    Examples
    --------
    >>> first_visible(2, 5, window=3).tolist()
    [0, 1, 2]
    >>> first_visible(0, 4, documents=torch.tensor([[7, 7, 8, 8]])).tolist()
    [[0, 0, 2, 2]]
    >>> first_visible(0, 5) is None
    True
    """
    if documents is None and (window is None or window >= end):
        return None
    position = torch.arange(start, end, device=device)  # (T,)
    first = torch.zeros_like(position) if window is None else (position - window + 1).clamp(min=0)
    if documents is None:
        return first
    if documents.shape[1] != end:
        raise ValueError(f"documents number {documents.shape[1]} positions, expected all {end} and no cache")
    begins = documents[:, 1:] != documents[:, :-1]  # (B, T - 1)
    begun = torch.where(begins, position[1:], 0).cummax(dim=1).values  # (B, T - 1)
    return torch.maximum(first, torch.nn.functional.pad(begun, (1, 0)))
