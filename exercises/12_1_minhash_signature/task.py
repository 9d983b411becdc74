r"""A MinHash signature.

Exercise 12.1 · 12_data · medium · 15 minutes

A text is a set of shingles (sequences of a few words), each hashed to 32 bits. Its signature is the smallest
value that each of $K$ hash functions takes on the set. Function number $k$ is
$h \mapsto ((a_k h + b_k) \bmod 2^{64}) \gg 32$, where $\gg 32$ shifts right by 32 bits and so keeps the upper
half. Write it for arrays: the product wraps around in `uint64` by itself, which is the modulo. Then estimate,
from two signatures, the Jaccard similarity of their sets: members in both over members in either.
"""

import numpy as np
from jaxtyping import UInt32, UInt64


def signature(
    hashes: UInt32[np.ndarray, " S"], a: UInt64[np.ndarray, " K"], b: UInt64[np.ndarray, " K"]
) -> UInt32[np.ndarray, " K"]:
    r"""Return the least value of each hash function on a set.

    $m_k = \min_h ((a_k h + b_k) \bmod 2^{64}) \gg 32$, over all members $h$ of the set.

    Parameters
    ----------
    hashes : uint32 array, shape (S,)
        The set.
    a, b : uint64 arrays, shape (K,)
        Factors and addends.

    Returns
    -------
    uint32 array, shape (K,)
        Of an empty set: all bits set, the minimum of nothing.

    Examples
    --------
    >>> hashes = np.array([3, 5], dtype=np.uint32)
    >>> a = np.array([2**32, 2**33], dtype=np.uint64)
    >>> b = np.array([0, 2**32], dtype=np.uint64)
    >>> signature(hashes, a, b).tolist()
    [3, 7]
    """
    raise NotImplementedError


def similarity(m: UInt32[np.ndarray, " K"], n: UInt32[np.ndarray, " K"]) -> float:
    """Estimate the Jaccard similarity of two sets from their signatures.

    Parameters
    ----------
    m, n : uint32 arrays, shape (K,)
        Signatures under the same functions.

    Returns
    -------
    float
        Between 0 and 1.

    Examples
    --------
    >>> m, n = np.array([4, 2, 9, 1], dtype=np.uint32), np.array([4, 5, 9, 9], dtype=np.uint32)
    >>> similarity(m, n)
    0.5
    """
    raise NotImplementedError
