"""Duplicates, exact and near, found as documents come by: the first of each stays.

A document goes if its digest has been seen, or if one that was kept resembles it. Only what is kept is
remembered, so each document that goes has a witness that stays; a chain of small changes is not followed from
end to end. The table of signatures is the one thing in the pipeline that grows with the number of documents:
4 K bytes each, and an entry in each band.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt32

from .minhash import LshIndex
from .recipe import Deduplicate

EXACT, NEAR = "exact duplicate", "near duplicate"


class Deduplicator:
    """What has been kept so far.

    Parameters
    ----------
    settings : Deduplicate

    Examples
    --------
    >>> from minillama.data.cleaning import digest_of
    >>> from minillama.data.minhash import MinHasher, shingles
    >>> seen = Deduplicator(Deduplicate(shingle=2))
    >>> story = "once a fox met a crow who had found a piece of cheese in the old mill by the river"
    >>> judge = lambda text: seen.judge(digest_of(text), MinHasher(128).signature(shingles(text, 2)))
    >>> judge(story), judge(story), judge(story + " bank"), judge("a tale of two cities")
    ('', 'exact duplicate', 'near duplicate', '')
    """

    def __init__(self, settings: Deduplicate) -> None:
        self._threshold = settings.threshold
        self._digests: set[bytes] = set()
        self._index = LshIndex(settings.bands, settings.rows)

    def judge(self, digest: str, signature: UInt32[np.ndarray, " K"]) -> str:
        """Return why a document goes, or nothing if it stays and is to be remembered."""
        key = bytes.fromhex(digest)[:16]  # 128 bits: no two of 10^15 texts will meet by chance
        if key in self._digests:
            return EXACT
        nearest = self._index.most_similar(signature)
        if nearest is not None and nearest[1] >= self._threshold:
            return NEAR
        self._digests.add(key)
        self._index.add(signature)
        return ""
