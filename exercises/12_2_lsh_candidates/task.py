"""Candidates from bands.

Exercise 12.2 · 12_data · medium · 20 minutes

MinHash signatures of $N$ texts are given, $K$ numbers each. Each is cut into $B$ bands of $R$ numbers, called
the rows of the band. Two texts are candidates if they agree in **all** rows of **at least one** band. Find
all pairs of candidates by grouping texts that share a key, not by comparing all pairs. Then write the
probability with which two texts of Jaccard similarity $s$ become candidates.
"""

import numpy as np
from jaxtyping import UInt32


def candidates(signatures: UInt32[np.ndarray, "N K"], bands: int, rows: int) -> list[tuple[int, int]]:
    r"""Return all pairs $(i, j)$, $i < j$, that agree in one band at least.

    Parameters
    ----------
    signatures : uint32 array, shape (N, K)
        One row a text. Band $k$ is made of the columns $kR, \dots, kR + R - 1$.
    bands, rows : int
        $B$ and $R$, with $BR \le K$; columns beyond $BR$ are not used.

    Returns
    -------
    list of pairs of int
        Sorted, each pair once.

    Examples
    --------
    >>> table = np.array([[1, 2, 3, 4], [1, 2, 9, 9], [7, 2, 3, 4], [0, 0, 0, 0]], dtype=np.uint32)
    >>> candidates(table, bands=2, rows=2)
    [(0, 1), (0, 2)]
    """
    raise NotImplementedError


def candidate_probability(s: float, bands: int, rows: int) -> float:
    """Return the probability that two texts of similarity $s$ agree in one band at least, $1 - (1 - s^R)^B$.

    Parameters
    ----------
    s : float
        Jaccard similarity, from 0 to 1.
    bands, rows : int
        $B$ and $R$.

    Returns
    -------
    float

    Examples
    --------
    >>> candidate_probability(0.5, bands=2, rows=1)
    0.75
    """
    raise NotImplementedError
