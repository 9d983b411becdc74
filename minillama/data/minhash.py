"""Near duplicates: shingles, Jaccard similarity, MinHash signatures and locality-sensitive hashing.

    text -> set of shingles (5 words each, hashed to 32 bits) -> signature (K minima) -> B bands of R numbers

The share of equal numbers in two signatures estimates the Jaccard similarity s of the two sets, without
bias and with a standard deviation of sqrt(s (1 - s) / K). Two texts are *candidates* if they agree in all R
numbers of one band at least, which happens with probability 1 - (1 - s^R)^B.

Left out: texts in other machines' memory, and similarity by containment (a page inside a longer page).

References
----------
A. Z. Broder (1997), *On the resemblance and containment of documents*. P. Indyk, R. Motwani (1998),
*Approximate nearest neighbors*. J. Leskovec, A. Rajaraman, J. Ullman, *Mining of massive datasets*,
chapter 3. M. Dietzfelbinger (1996), *Universal hashing and k-wise independent random variables via integer
arithmetic without primes*, for the hash family.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from jaxtyping import Float64, UInt32

_WORD = re.compile(r"\w+")
_EMPTY = np.uint32(0xFFFFFFFF)  # the minimum of no hashes


def shingles(text: str, n: int = 5) -> UInt32[np.ndarray, " S"]:
    """Return the set of hashes of all sequences of `n` words, sorted.

    Case, punctuation and white space do not count. A text of fewer words is one shingle.

    Parameters
    ----------
    text : str
    n : int
        Words a shingle.

    Returns
    -------
    uint32 array, shape (S,)
        Distinct; empty if the text has no words.

    Examples
    --------
    >>> len(shingles("The cat sat on the mat, the cat sat on the mat.", n=2))
    6
    """
    words = _WORD.findall(text.casefold())
    if not words:
        return np.empty(0, dtype=np.uint32)
    hashes = np.array([crc32(word.encode()) for word in words], dtype=np.uint64)
    n = min(n, len(words))
    mixed = np.zeros(len(words) - n + 1, dtype=np.uint64)
    for k in range(n):  # a polynomial in the hashes of the words, modulo 2^64
        mixed = mixed * np.uint64(0x9E3779B97F4A7C15) + hashes[k : len(hashes) - n + 1 + k]
    return np.unique(_mix(mixed))


def _mix(x: np.ndarray) -> UInt32[np.ndarray, " S"]:
    """Spread 64 bits well, and keep the upper 32 (the finisher of splitmix64)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((x ^ (x >> np.uint64(31))) >> np.uint64(32)).astype(np.uint32)


def jaccard(a: UInt32[np.ndarray, " A"], b: UInt32[np.ndarray, " B"]) -> float:
    """Return the Jaccard similarity of two sets of hashes, |A and B| / |A or B|; 1 for two empty sets.

    Examples
    --------
    >>> jaccard(np.array([1, 2, 3], dtype="uint32"), np.array([2, 3, 4], dtype="uint32"))
    0.5
    """
    both = len(np.intersect1d(a, b, assume_unique=True))
    either = len(a) + len(b) - both
    return both / either if either else 1.0


@dataclass(frozen=True)
class MinHasher:
    """K hash functions, and the signature of a set under them.

    Function k is h -> ((a_k h + b_k) mod 2^64) >> 32, with a_k odd: strongly universal, and a multiplication
    and an addition to compute.

    Parameters
    ----------
    size : int
        K, numbers in a signature.
    seed : int
        Signatures can be compared only under the same seed and size.

    Examples
    --------
    >>> hasher = MinHasher(size=256, seed=0)
    >>> a, b = np.arange(0, 80, dtype="uint32"), np.arange(20, 100, dtype="uint32")
    >>> jaccard(a, b), abs(estimate(hasher.signature(a), hasher.signature(b)) - 0.6) < 0.1
    (0.6, True)
    """

    size: int = 128
    seed: int = 0

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"size is {self.size}: a signature needs at least one number")
        rng = np.random.default_rng(self.seed)
        numbers = rng.integers(0, 1 << 64, size=(2, self.size, 1), dtype=np.uint64)
        object.__setattr__(self, "_factors", numbers[0] | np.uint64(1))
        object.__setattr__(self, "_addends", numbers[1])

    def signature(self, hashes: UInt32[np.ndarray, " S"], at_once: int = 4096) -> UInt32[np.ndarray, " K"]:
        """Return the smallest value that each function takes on the set, `at_once` members at a time."""
        factors, addends = self._factors, self._addends  # type: ignore[attr-defined]
        signature = np.full(self.size, _EMPTY, dtype=np.uint32)
        for start in range(0, len(hashes), at_once):
            part = hashes[None, start : start + at_once].astype(np.uint64)  # (1, S)
            values = ((factors * part + addends) >> np.uint64(32)).min(axis=1)  # (K, S) -> (K,)
            signature = np.minimum(signature, values.astype(np.uint32))
        return signature


def estimate(a: UInt32[np.ndarray, " K"], b: UInt32[np.ndarray, " K"]) -> float:
    """Estimate the Jaccard similarity of two sets from their signatures: the share of equal numbers."""
    return float(np.mean(a == b))


def candidate_probability(
    similarity: Float64[np.ndarray, "*shape"] | float, bands: int, rows: int
) -> Float64[np.ndarray, "*shape"] | float:
    """Return the probability 1 - (1 - s^R)^B that two sets of similarity s agree in one band at least.

    Examples
    --------
    >>> round(candidate_probability(0.8, bands=16, rows=8), 3)
    0.947
    """
    return 1 - (1 - similarity**rows) ** bands


class LshIndex:
    """Sets that are kept, found again by those that resemble them.

    Parameters
    ----------
    bands, rows : int
        B bands of R numbers each; signatures have B R numbers at least.

    Examples
    --------
    >>> hasher, index = MinHasher(64), LshIndex(bands=16, rows=4)
    >>> fox = hasher.signature(shingles("the quick brown fox jumps over the lazy dog by the river"))
    >>> index.candidates(fox)
    []
    >>> index.add(fox), index.candidates(fox)
    (0, [0])
    """

    def __init__(self, bands: int, rows: int) -> None:
        if bands < 1 or rows < 1:
            raise ValueError(f"{bands} bands of {rows} rows: expected at least one of each")
        self.bands, self.rows = bands, rows
        self._signatures: list[UInt32[np.ndarray, " K"]] = []
        self._buckets: list[dict[bytes, list[int]]] = [{} for _ in range(bands)]

    def __len__(self) -> int:
        return len(self._signatures)

    def add(self, signature: UInt32[np.ndarray, " K"]) -> int:
        """Keep a signature, and return its number."""
        number = len(self._signatures)
        self._signatures.append(signature)
        for bucket, key in zip(self._buckets, self._keys(signature), strict=True):
            bucket.setdefault(key, []).append(number)
        return number

    def candidates(self, signature: UInt32[np.ndarray, " K"]) -> list[int]:
        """Return the numbers of those kept that agree in one band at least, in order."""
        found: set[int] = set()
        for bucket, key in zip(self._buckets, self._keys(signature), strict=True):
            found.update(bucket.get(key, ()))
        return sorted(found)

    def most_similar(self, signature: UInt32[np.ndarray, " K"]) -> tuple[int, float] | None:
        """Return the candidate of the highest estimated similarity, and that; None without candidates."""
        scored = [(estimate(self._signatures[k], signature), -k) for k in self.candidates(signature)]
        if not scored:
            return None
        similarity, minus_number = max(scored)
        return -minus_number, similarity

    def _keys(self, signature: UInt32[np.ndarray, " K"]) -> list[bytes]:
        if len(signature) < self.bands * self.rows:
            raise ValueError(
                f"a signature of {len(signature)} numbers does not fill {self.bands} bands of {self.rows}"
            )
        size = 4 * self.rows
        raw = signature.tobytes()
        return [raw[k * size : (k + 1) * size] for k in range(self.bands)]
