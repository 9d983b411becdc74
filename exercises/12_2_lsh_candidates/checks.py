"""Checks of 12.2: candidates against all pairs, probabilities against coins."""

from fractions import Fraction
from itertools import combinations

import numpy as np

from minillama.book.exercises import Hole

LSH = "LSH: finding the pairs without looking at all pairs"


def u32(*rows):
    return np.array(rows, dtype=np.uint32)


candidates = Hole("candidates")

candidates.case(
    "by hand: one pair in the first band, one in the second",
    [(0, 1), (0, 2)],
    signatures=u32([1, 2, 3, 4], [1, 2, 9, 9], [7, 2, 3, 4], [0, 0, 0, 0]),
    bands=2,
    rows=2,
)
candidates.case(
    "the same numbers in different bands do not meet",
    [],
    signatures=u32([1, 2, 3, 4], [3, 4, 1, 2]),
    bands=2,
    rows=2,
)
candidates.case(
    "half a band is not enough",
    [],
    signatures=u32([1, 2, 3, 4], [1, 5, 3, 6]),
    bands=2,
    rows=2,
)
candidates.case(
    "columns beyond the bands are not used",
    [],
    signatures=u32([1, 2, 3, 4, 8], [5, 6, 7, 9, 8]),
    bands=2,
    rows=2,
)
candidates.case(
    "three alike, in both bands: each pair once",
    [(0, 1), (0, 2), (1, 2)],
    signatures=u32([5, 6, 7, 8], [5, 6, 7, 8], [5, 6, 7, 8]),
    bands=2,
    rows=2,
)


def all_pairs(signatures, bands, rows):
    """Look at every pair and every band."""
    found = []
    for i, j in combinations(range(len(signatures)), 2):
        same = signatures[i] == signatures[j]
        if any(all(same[band * rows + r] for r in range(rows)) for band in range(bands)):
            found.append((i, j))
    return found


@candidates.against(all_pairs, "random signatures, against all pairs", seeds=8)
def tables(rng):
    bands, rows = int(rng.integers(2, 4)), int(rng.integers(2, 4))
    size = (int(rng.integers(5, 9)), bands * rows + int(rng.integers(0, 3)))
    return {"signatures": rng.integers(0, 2, size=size).astype(np.uint32), "bands": bands, "rows": rows}


@candidates.law("one band more finds all that was found before", tables, seeds=4)
def one_more(candidates, signatures, bands, rows):
    fewer = candidates(signatures, bands - 1, rows)
    return set(fewer) <= set(candidates(signatures, bands, rows)), True


def pairs_that(signatures, test):
    return [
        (i, j) for i, j in combinations(range(len(signatures)), 2) if test(signatures[i] == signatures[j])
    ]


def cut(same, bands, rows):
    return same[: bands * rows].reshape(bands, rows)


@candidates.mistake(
    "A pair is in your list that agrees in one number of some band. It must agree in all rows of the band.",
    see=LSH,
)
def any_row(signatures, bands, rows):
    return pairs_that(signatures, lambda same: bool(cut(same, bands, rows).any()))


@candidates.mistake(
    "You ask for agreement in all bands: then only equal signatures meet. One band is enough.",
    see=LSH,
)
def all_bands(signatures, bands, rows):
    return pairs_that(signatures, lambda same: bool(cut(same, bands, rows).all()))


@candidates.mistake(
    "All bands share one table, so texts meet whose numbers agree in different bands. Those are values of"
    " different hash functions: each band needs a table of its own.",
    see=LSH,
)
def one_table(signatures, bands, rows):
    keys = [{tuple(row[b * rows : (b + 1) * rows].tolist()) for b in range(bands)} for row in signatures]
    return [(i, j) for i, j in combinations(range(len(keys)), 2) if keys[i] & keys[j]]


@candidates.mistake(
    "You cut the signature the other way: your band k takes every B-th number. The bands are made of numbers"
    " that stand together: kR to kR + R - 1.",
    see=LSH,
)
def strided(signatures, bands, rows):
    return pairs_that(
        signatures, lambda same: bool(same[: bands * rows].reshape(rows, bands).all(axis=0).any())
    )


@candidates.mistake(
    "Each text is paired with the first of its bucket alone. Every two texts of a bucket are candidates.",
    see=LSH,
)
def first_of_bucket(signatures, bands, rows):
    found = set()
    for b in range(bands):
        table = {}
        for text, row in enumerate(signatures):
            first = table.setdefault(row[b * rows : (b + 1) * rows].tobytes(), text)
            if first != text:
                found.add((first, text))
    return sorted(found)


@candidates.mistake(
    "A pair that meets in several bands is in your list several times. Collect pairs in a set.",
    see=LSH,
)
def repeated(signatures, bands, rows):
    found = []
    for b in range(bands):
        found += pairs_that(signatures[:, b * rows : (b + 1) * rows], lambda same: bool(same.all()))
    return sorted(found)


@candidates.mistake(
    "The numbers beyond B R were used as a last, shorter band. They belong to no band.",
    see=LSH,
)
def rest_too(signatures, bands, rows):
    found = set(all_pairs(signatures, bands, rows))
    if signatures.shape[1] > bands * rows:
        found.update(pairs_that(signatures[:, bands * rows :], lambda same: bool(same.all())))
    return sorted(found)


candidate_probability = Hole("candidate_probability")

candidate_probability.case("two bands of one row, by hand", 0.75, s=0.5, bands=2, rows=1)
candidate_probability.case("one band of two rows, by hand", 0.25, s=0.5, bands=1, rows=2)
candidate_probability.case("nothing in common", 0.0, s=0.0, bands=5, rows=3)
candidate_probability.case("the same text", 1.0, s=1.0, bands=5, rows=3)


def by_cases(s, bands, rows):
    """Add up the ways: the first band that agrees is number 1, 2, ..."""
    one = Fraction(s) ** rows
    return float(sum((1 - one) ** k * one for k in range(bands)))


@candidate_probability.against(by_cases, "random bands, against exact fractions", seeds=6)
def plans(rng):
    return {
        "s": int(rng.integers(3, 14)) / 16,
        "bands": int(rng.integers(2, 8)),
        "rows": int(rng.integers(2, 5)),
    }


@candidate_probability.mistake(
    "Your result is the probability that all bands agree. One is enough: take one minus the probability that"
    " all fail.",
    see=LSH,
)
def every_band(s, bands, rows):
    return s ** (rows * bands)


@candidate_probability.mistake(
    "Bands and rows are exchanged: rows are the exponent inside (all must agree), bands the one outside.",
    see=LSH,
)
def exchanged(s, bands, rows):
    return 1 - (1 - s**bands) ** rows


@candidate_probability.mistake(
    "Your result is the probability of being missed. One minus it is the one asked for.",
    see=LSH,
)
def missed(s, bands, rows):
    return (1 - s**rows) ** bands


@candidate_probability.mistake(
    "You added up the bands' probabilities, which goes beyond one: pairs that agree in two bands are counted"
    " twice. Multiply the probabilities of failing instead.",
    see=LSH,
)
def added_up(s, bands, rows):
    return bands * s**rows


@candidate_probability.mistake(
    "You left the rows out: this is the curve for bands of one number each.",
    see=LSH,
)
def no_rows(s, bands, rows):
    return 1 - (1 - s) ** bands


@candidate_probability.mistake(
    "Your result is the similarity at which the curve is steep, (1/B)^(1/R), not the curve at s.",
    see=LSH,
)
def steep_part(s, bands, rows):
    return (1 / bands) ** (1 / rows)
