"""Pack documents into rows: join, shift, cut."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int64


def pack(
    texts: Sequence[Sequence[int]], T: int, bos: int, eos: int
) -> tuple[Int64[np.ndarray, "R T"], Int64[np.ndarray, "R T"], Int64[np.ndarray, "R T"]]:
    stream = np.array([token for text in texts for token in (bos, *text, eos)], dtype=np.int64)
    R = (len(stream) - 1) // T  # the last token is a target only
    tokens, following = stream[: R * T], stream[1 : R * T + 1]
    targets = np.where(following == bos, -100, following)
    documents = np.cumsum(tokens == bos) - 1  # each bos begins the next one
    return tokens.reshape(R, T), targets.reshape(R, T), documents.reshape(R, T)
