"""Checks of 12.1: signatures against whole numbers without limits, and what they estimate."""

import numpy as np

from minillama.book.exercises import Hole

PROOF = "MinHash: the similarity of two sets from a few numbers"
MISTAKES = "Two planted mistakes"
ALL_ONES = np.uint32(0xFFFFFFFF)


def u32(*values):
    return np.array(values, dtype=np.uint32)


def u64(*values):
    return np.array(values, dtype=np.uint64)


signature = Hole("signature", exact_dtype=True)

signature.case("one member, one function, by hand", u32(6), hashes=u32(3), a=u64(2**33), b=u64(2**31))
signature.case(
    "the product goes beyond 2^64, by hand: 3 (2^63 + 1) + 1 is 2^63 + 4",
    u32(2**31),
    hashes=u32(3),
    a=u64(2**63 + 1),
    b=u64(1),
)
signature.case(
    "two members, three functions, by hand",
    u32(3, 7, 1),
    hashes=u32(3, 5),
    a=u64(2**32, 2**33, 0),
    b=u64(0, 2**32, 2**32),
)
signature.case("the empty set", np.full(2, ALL_ONES), hashes=u32(), a=u64(5, 7), b=u64(1, 2))


def one_by_one(hashes, a, b):
    """Python's whole numbers have no limit: the modulo is written out."""
    rows = [[((int(x) * int(h) + int(y)) % 2**64) >> 32 for h in hashes] for x, y in zip(a, b, strict=True)]
    return np.array([min(row) for row in rows], dtype=np.uint32)


@signature.against(one_by_one, "random sets, against Python's whole numbers", seeds=6)
def random_sets(rng):
    S, K = int(rng.integers(1, 6)), int(rng.integers(2, 7))
    K += K == S  # no square arrays: axes could be taken for one another
    return {
        "hashes": rng.choice(2**32, size=S, replace=False).astype(np.uint32),
        "a": rng.integers(0, 2**64, size=K, dtype=np.uint64) | np.uint64(1),
        "b": rng.integers(0, 2**64, size=K, dtype=np.uint64),
    }


@signature.law("the signature of a union is the smaller of two, place by place", random_sets, seeds=4)
def union(signature, hashes, a, b):
    other = hashes ^ np.uint32(0x5A5A5A5A)
    both = np.union1d(hashes, other)
    return signature(both, a, b), np.minimum(signature(hashes, a, b), signature(other, a, b))


def values(hashes, a, b):
    return (a[:, None] * hashes[None].astype(np.uint64) + b[:, None]) >> np.uint64(32)


def least(array, axis=1):
    return array.astype(np.uint32).min(axis=axis, initial=ALL_ONES)


@signature.mistake(
    "You took the minimum over the functions: one number for each shingle. A signature has one number for"
    " each function, however long the text: take it over the shingles.",
    see=MISTAKES,
)
def wrong_axis(hashes, a, b):
    return least(values(hashes, a, b), axis=0)


@signature.mistake(
    "Your result is the largest value of each function. Any end will do for an estimate, but asked for is"
    " the smallest.",
    see=PROOF,
)
def largest(hashes, a, b):
    return values(hashes, a, b).astype(np.uint32).max(axis=1, initial=0 if len(hashes) else ALL_ONES)


@signature.mistake(
    "You kept the lower 32 bits of the product. They are the weak ones: the last bit of a h + b knows nothing"
    " of h but its last bit. Shift right by 32 and keep the upper half.",
    see=PROOF,
)
def lower_half(hashes, a, b):
    return least((a[:, None] * hashes[None].astype(np.uint64) + b[:, None]) & np.uint64(0xFFFFFFFF))


@signature.mistake(
    "The addend b came after the shift. It belongs inside: ((a h + b) mod 2^64) >> 32.",
    see=PROOF,
)
def added_late(hashes, a, b):
    return least(((a[:, None] * hashes[None].astype(np.uint64)) >> np.uint64(32)) + b[:, None])


@signature.mistake(
    "The product was cut to 32 bits before the shift: factors and addends were turned to uint32. Turn the"
    " hashes to uint64 instead.",
    see=PROOF,
)
def in_32_bits(hashes, a, b):
    small = a.astype(np.uint32)[:, None] * hashes[None] + b.astype(np.uint32)[:, None]
    return least(small.astype(np.uint64) >> np.uint64(32))


@signature.mistake(
    "You applied each function to the smallest hash alone. The smallest member is not the one with the"
    " smallest value: every function has an order of its own. That is the whole idea.",
    see=PROOF,
)
def least_first(hashes, a, b):
    if not len(hashes):
        return least(values(hashes, a, b))
    return least(values(hashes.min(keepdims=True), a, b))


similarity = Hole("similarity")

similarity.case("two of four, by hand", 0.5, m=u32(4, 2, 9, 1), n=u32(4, 5, 9, 9))
similarity.case("nothing in common", 0.0, m=u32(1, 2), n=u32(3, 4))
similarity.case("the same values in other places: nothing", 0.0, m=u32(1, 2, 3), n=u32(2, 3, 1))
similarity.case("all", 1.0, m=u32(7, 7, 8), n=u32(7, 7, 8))


def counted(m, n):
    return sum(int(x) == int(y) for x, y in zip(m.tolist(), n.tolist(), strict=True)) / len(m)


@similarity.against(counted, "random signatures, counted one by one", seeds=5)
def signatures(rng):
    K = int(rng.integers(3, 9))
    return {
        "m": rng.integers(0, 4, size=K).astype(np.uint32),
        "n": rng.integers(0, 4, size=K).astype(np.uint32),
    }


@similarity.law("it does not matter which comes first", signatures, seeds=3)
def either_way(similarity, m, n):
    return similarity(m, n), similarity(n, m)


@similarity.mistake(
    "You took the Jaccard similarity of the two signatures as sets. Their places matter: number k of one is"
    " compared with number k of the other, and what counts is the share of equal ones.",
    see=PROOF,
)
def as_sets(m, n):
    a, b = set(m.tolist()), set(n.tolist())
    return len(a & b) / len(a | b)


@similarity.mistake(
    "Your result is the number of equal places. Divide by K: the share of heads estimates s.",
    see=PROOF,
)
def not_divided(m, n):
    return float(np.sum(m == n))


@similarity.mistake(
    "Your result is one minus the estimate: the share of places that differ.",
    see=PROOF,
)
def differing(m, n):
    return float(np.mean(m != n))


@similarity.mistake(
    "You asked whether the whole signatures are equal. Each place is one toss of a coin: take the share.",
    see=PROOF,
)
def all_or_nothing(m, n):
    return float(np.array_equal(m, n))


@similarity.mistake(
    "You counted values of the one that occur anywhere in the other. Compare place by place.",
    see=PROOF,
)
def anywhere(m, n):
    return float(np.mean(np.isin(m, n)))
