"""Perplexity of a text longer than the model's context, by windows that slide.

    inputs    p a b c d e f g h i j          context 5, stride 3, p the token before the text
    window 1  p a b c d                      scores a b c d e
    window 2        c d e f g                scores           f g h
    window 3            e f g h i            scores                 i j

Every token is scored once, and from the second window on it sees `context - stride + 1` tokens or more. A
large stride is cheap, and many tokens pay for their window's beginning; a small one is dear, and the number
is lower. So a perplexity without its context and stride says little.

Nats per token compare models of one vocabulary. Bits per byte compare any two: the bytes are the text's.

References
----------
Windows as in lm-evaluation-harness, ``get_rolling_token_windows`` (there stride = context but for one
parameter); nats per byte as "bits per byte" in Gao et al. 2020, The Pile, arXiv 2101.00027, section 3.1.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from ..model import Llama
from ..tokenizer import Tokenizer
from .pairs import Request, prefix_id
from .scoring import Progress, score


@dataclass(frozen=True)
class Perplexity:
    """What a text costs a model.

    Parameters
    ----------
    nats : float64 array, shape (tokens,)
        ``-log p`` of every token of the text, in order.
    bytes : int
        Of the text in UTF-8.

    Examples
    --------
    >>> reading = Perplexity(np.full(10, math.log(2)), bytes=40)
    >>> reading.nats_per_token == math.log(2), round(reading.perplexity, 6), reading.bits_per_byte
    (True, 2.0, 0.25)
    """

    nats: Float64[np.ndarray, " tokens"]
    bytes: int

    @property
    def nats_per_token(self) -> float:
        """Mean cost of a token."""
        return float(self.nats.mean())

    @property
    def perplexity(self) -> float:
        """Return e to the nats per token: among so many tokens the model is as good as choosing evenly."""
        return math.exp(self.nats_per_token)

    @property
    def nats_per_byte(self) -> float:
        """Mean cost of a byte, whatever the vocabulary."""
        return float(self.nats.sum()) / self.bytes

    @property
    def bits_per_byte(self) -> float:
        """The same in bits: what the model as a compressor would write for each byte of 8 bits."""
        return self.nats_per_byte / math.log(2)


class Window(NamedTuple):
    """Positions of the text's tokens: ``start`` to ``end`` are read, ``first`` to ``end`` scored.

    Position -1 is the token before the text, so a window that reads it starts there.
    """

    start: int
    first: int
    end: int


def windows(length: int, context: int, stride: int) -> Iterator[Window]:
    """Yield windows that score each of `length` tokens once.

    Raises
    ------
    ValueError
        If the context is not positive, or the stride not between 1 and the context.

    Examples
    --------
    >>> [tuple(window) for window in windows(length=10, context=5, stride=3)]
    [(-1, 0, 5), (2, 5, 8), (4, 8, 10)]
    """
    if not 1 <= stride <= context:
        raise ValueError(f"context is {context} and stride {stride}: expected 1 <= stride <= context")
    first, end = 0, min(context, length)
    while first < length:
        yield Window(end - context - 1 if first else -1, first, end)
        first, end = end, min(end + stride, length)


def perplexity(
    model: Llama,
    tokenizer: Tokenizer,
    text: str,
    context: int | None = None,
    stride: int | None = None,
    progress: Progress | None = None,
) -> Perplexity:
    """Return what `text` costs, every token scored once.

    Parameters
    ----------
    model : Llama
    tokenizer : Tokenizer
    text : str
    context : int, optional
        Tokens that a window reads; the model's `max_seq_len` by default.
    stride : int, optional
        Tokens that each window after the first scores; half the context by default. `context` gives windows
        that do not overlap, 1 gives every token all the context that there is.
    progress : function, optional
        Told how many windows are done, and of how many.

    Returns
    -------
    Perplexity

    Raises
    ------
    ValueError
        If the text is empty, or context and stride do not fit the model or each other.
    """
    longest = model.cfg.max_seq_len
    context = longest if context is None else context
    stride = max(1, context // 2) if stride is None else stride
    if not 1 <= context <= longest:
        raise ValueError(f"context is {context}: expected 1 to {longest}, the model's max_seq_len")
    ids = tokenizer.encode(text)
    if not ids:
        raise ValueError("the text is empty: there is nothing to predict")
    read = (prefix_id(tokenizer), *ids)  # read[i + 1] is token i
    requests = [
        Request(read[start + 1 : first + 1], read[first + 1 : end + 1])
        for start, first, end in windows(len(ids), context, stride)
    ]
    nats = np.concatenate([scored.nats for scored in score(model, requests, progress)])
    return Perplexity(nats, len(text.encode()))
