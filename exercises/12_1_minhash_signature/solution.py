"""A MinHash signature: the least value of each function, one row a function."""

import numpy as np
from jaxtyping import UInt32, UInt64


def signature(
    hashes: UInt32[np.ndarray, " S"], a: UInt64[np.ndarray, " K"], b: UInt64[np.ndarray, " K"]
) -> UInt32[np.ndarray, " K"]:
    values = a[:, None] * hashes[None].astype(np.uint64) + b[:, None]  # (K, S), modulo 2^64 by itself
    upper = (values >> np.uint64(32)).astype(np.uint32)
    return upper.min(axis=1, initial=np.uint32(0xFFFFFFFF))


def similarity(m: UInt32[np.ndarray, " K"], n: UInt32[np.ndarray, " K"]) -> float:
    return float(np.mean(m == n))
