"""MinHash and LSH against sets, against the formulas, and against datasketch."""

from __future__ import annotations

import math

import datasketch
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minillama.data.cleaning import digest_of
from minillama.data.duplicates import EXACT, NEAR, Deduplicator
from minillama.data.minhash import (
    LshIndex,
    MinHasher,
    candidate_probability,
    estimate,
    jaccard,
    shingles,
)
from minillama.data.recipe import Deduplicate

SETS = st.sets(st.integers(0, 40), max_size=30)


def pair(similarity: float, size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two sets of random hashes; `size` in their union, of which the share `similarity` in both."""
    both = round(similarity * size)
    hashes = rng.choice(1 << 32, size=size, replace=False).astype(np.uint32)
    only = both + (size - both) // 2
    return np.sort(hashes[:only]), np.sort(np.r_[hashes[:both], hashes[only:]])


@given(a=SETS, b=SETS)
def test_jaccard_is_that_of_sets(a: set[int], b: set[int]) -> None:
    expected = len(a & b) / len(a | b) if a | b else 1.0
    arrays = (np.array(sorted(one), dtype=np.uint32) for one in (a, b))
    assert jaccard(*arrays) == expected


def test_shingles_are_sets_of_word_sequences() -> None:
    text = "one two three one two three one"
    assert len(shingles(text, 1)) == 3
    assert len(shingles(text, 3)) == 3
    assert len(shingles(text, 7)) == 1
    assert len(shingles(text, 9)) == 1  # fewer words than asked for
    assert len(shingles("", 5)) == len(shingles(" ... ", 5)) == 0
    assert shingles(text, 2).dtype == np.uint32
    assert np.array_equal(shingles("One, two\n- THREE!", 2), shingles("one two three", 2))
    assert jaccard(shingles("a b c d e f", 2), shingles("x b c d e y", 2)) == 3 / 7
    assert len(np.intersect1d(shingles("a b", 2), shingles("b a", 2))) == 0


def test_shingles_of_other_sequences_do_not_meet() -> None:
    words = [f"w{k}" for k in range(30_000)]
    found = shingles(" ".join(words), 5)
    expected = len(words) - 4
    by_chance = expected**2 / 2**33  # 0.1 collisions of 32-bit hashes
    assert expected - 3 - by_chance <= len(found) <= expected


@pytest.mark.parametrize("similarity", [0.0, 0.2, 0.5, 0.8, 1.0])
def test_the_estimate_is_unbiased_and_as_spread_as_derived(similarity: float) -> None:
    rng, size, trials = np.random.default_rng(1), 128, 400
    errors = []
    for seed in range(trials):
        a, b = pair(similarity, 60, rng)
        hasher = MinHasher(size, seed)
        errors.append(estimate(hasher.signature(a), hasher.signature(b)) - jaccard(a, b))
    deviation = math.sqrt(similarity * (1 - similarity) / size)
    assert abs(np.mean(errors)) <= 4 * deviation / math.sqrt(trials)
    if deviation:  # a standard deviation from 400 trials is good to 1 / sqrt(800) = 3.5 %: four of these
        assert abs(np.std(errors) / deviation - 1) < 0.15


def test_estimates_agree_with_datasketch() -> None:
    rng, size = np.random.default_rng(2), 256
    ours, theirs = [], []
    for similarity in np.linspace(0.05, 0.95, 19):
        for _ in range(4):
            a, b = pair(similarity, 200, rng)
            hasher = MinHasher(size, int(rng.integers(1 << 30)))
            ours.append(estimate(hasher.signature(a), hasher.signature(b)) - jaccard(a, b))
            sketches = []
            for members in (a, b):
                sketch = datasketch.MinHash(size, seed=int(1 + 7 * similarity))
                sketch.update_batch([int(h).to_bytes(4, "little") for h in members])
                sketches.append(sketch)
            theirs.append(sketches[0].jaccard(sketches[1]) - jaccard(a, b))
    root_mean_square = [float(np.sqrt(np.mean(np.square(errors)))) for errors in (ours, theirs)]
    # both know s to sqrt(s (1 - s) / 256), 0.025 on average over these; 76 trials know that to 8 %
    assert root_mean_square[0] == pytest.approx(0.0255, rel=0.33)
    assert root_mean_square[1] == pytest.approx(0.0255, rel=0.33)


@pytest.mark.parametrize(("bands", "rows"), [(8, 4), (16, 2)])
def test_candidates_come_as_often_as_the_formula_and_datasketch_say(bands: int, rows: int) -> None:
    rng, trials, size = np.random.default_rng(3), 250, bands * rows
    for similarity in (0.3, 0.6, 0.8):
        ours = theirs = 0
        for _ in range(trials):
            a, b = pair(similarity, 40, rng)
            hasher, index = MinHasher(size, int(rng.integers(1 << 30))), LshIndex(bands, rows)
            index.add(hasher.signature(a))
            ours += index.candidates(hasher.signature(b)) == [0]
            lsh, seed = datasketch.MinHashLSH(num_perm=size, params=(bands, rows)), int(rng.integers(1 << 30))
            sketches = [datasketch.MinHash(size, seed=seed) for _ in "ab"]
            for sketch, members in zip(sketches, (a, b), strict=True):
                sketch.update_batch([int(h).to_bytes(4, "little") for h in members])
            lsh.insert("a", sketches[0])
            theirs += lsh.query(sketches[1]) == ["a"]
        p = float(candidate_probability(similarity, bands, rows))
        four_deviations = 4 * math.sqrt(p * (1 - p) / trials) + 1 / trials
        assert abs(ours / trials - p) < four_deviations
        assert abs(theirs / trials - p) < four_deviations


def test_signatures_do_not_depend_on_order_or_on_how_many_at_once() -> None:
    hashes = np.random.default_rng(4).integers(0, 1 << 32, size=1000, dtype=np.uint32)
    hasher = MinHasher(16, 5)
    expected = hasher.signature(hashes)
    assert np.array_equal(hasher.signature(hashes[::-1].copy()), expected)
    assert np.array_equal(hasher.signature(hashes, at_once=7), expected)
    parts = [hasher.signature(part) for part in np.split(hashes, 5)]
    assert np.array_equal(np.minimum.reduce(parts), expected)  # the signature of a union
    factors, addends = ([int(n) for n in column[:, 0]] for column in (hasher._factors, hasher._addends))
    by_hand = [
        min(((a * int(h) + b) % 2**64) >> 32 for h in hashes) for a, b in zip(factors, addends, strict=True)
    ]
    assert expected.tolist() == by_hand


def test_most_similar_takes_the_earliest_of_equals() -> None:
    index, one = LshIndex(2, 2), np.array([1, 2, 3, 4], dtype=np.uint32)
    assert index.most_similar(one) is None
    for other in ([1, 2, 9, 9], [1, 2, 3, 9], [1, 2, 9, 4], [7, 7, 7, 7]):
        index.add(np.array(other, dtype=np.uint32))
    assert index.candidates(one) == [0, 1, 2]
    assert index.most_similar(one) == (1, 0.75)
    assert len(index) == 4


def test_what_goes_has_a_witness_that_stays() -> None:
    rng, hasher = np.random.default_rng(6), MinHasher(128)
    seen, kept = Deduplicator(Deduplicate(threshold=0.8)), []
    base = rng.integers(0, 1 << 32, size=300, dtype=np.uint32)
    for number in range(120):  # a chain: each is the one before with some members changed
        base = base.copy()
        base[rng.integers(0, 300, size=12)] = rng.integers(0, 1 << 32, size=12)
        hashes = np.unique(base)
        verdict = seen.judge(digest_of(str(number)), hasher.signature(hashes))
        similarities = [estimate(hasher.signature(hashes), hasher.signature(other)) for other in kept]
        if verdict == NEAR:
            assert max(similarities) >= 0.8
        else:
            assert verdict == ""
            kept.append(hashes)
    assert 10 < len(kept) < 80
    assert seen.judge(digest_of("119"), hasher.signature(hashes)) in (EXACT, NEAR)


@pytest.mark.error_contract
def test_wrong_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one number"):
        MinHasher(0)
    with pytest.raises(ValueError, match="0 bands of 4 rows"):
        LshIndex(0, 4)
    with pytest.raises(ValueError, match="a signature of 16 numbers does not fill 5 bands of 4"):
        LshIndex(5, 4).add(MinHasher(16).signature(np.array([1], dtype=np.uint32)))
