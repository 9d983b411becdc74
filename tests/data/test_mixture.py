"""The mixture: shares within sampling error, epochs as asked, every document before any a second time."""

from __future__ import annotations

import numpy as np
import pytest

from minillama.data.mixture import draw, epochs, share_errors

# LLaMA's table 1 (arXiv 2302.13971): share in per cent, epochs for 1.4 T tokens
TABLE_1 = {
    "CommonCrawl": (67.0, 1.10),
    "C4": (15.0, 1.06),
    "GitHub": (4.5, 0.64),
    "Wikipedia": (4.5, 2.45),
    "Books": (4.5, 2.23),
    "ArXiv": (2.5, 1.06),
    "StackExchange": (2.0, 1.03),
}


def some_lengths(seed: int) -> list[np.ndarray]:
    """Three sources whose documents differ much in length, from a few tokens to a thousand."""
    rng = np.random.default_rng(seed)
    return [
        rng.integers(5, 60, size=900),
        rng.lognormal(4.5, 1.0, size=300).astype(np.int64) + 1,
        rng.integers(400, 1200, size=40),
    ]


def test_epochs_are_those_of_table_1() -> None:
    shares = [share for share, _ in TABLE_1.values()]
    sizes = [int(share / 100 * 1.4e12 / passes) for share, passes in TABLE_1.values()]
    found = epochs(shares, sizes, budget=1_400_000_000_000)
    assert np.allclose(found, [passes for _, passes in TABLE_1.values()], rtol=1e-9)


def test_shares_come_out_within_sampling_error() -> None:
    shares, budget, runs = np.array([0.6, 0.3, 0.1]), 60_000, 60
    z = []
    for seed in range(runs):
        lengths = some_lengths(seed)
        tokens = np.zeros(3)
        for source, document in draw(lengths, shares, budget, seed):
            tokens[source] += lengths[source][document]
        assert budget <= tokens.sum() < budget + 5000
        z.append((tokens / tokens.sum() - shares) / share_errors(lengths, shares, budget))
    deviations = np.array(z)
    assert np.abs(deviations).max() < 4.5  # 180 values, each beyond 4.5 with a probability of 7e-6
    assert np.all(np.abs(deviations.mean(axis=0)) < 4 / np.sqrt(runs))
    assert np.all(deviations.std(axis=0) < 1.4)  # of 60 runs, known to 9 %
    assert np.all(deviations.std(axis=0) > 0.3)  # an error bar that is not far too wide either


def test_sources_are_chosen_by_share_over_length_chi_square() -> None:
    lengths, shares = some_lengths(0), np.array([0.6, 0.3, 0.1])
    counts = np.zeros(3)
    for source, _ in draw(lengths, shares, 400_000, seed=9):
        counts[source] += 1
    p = shares / [part.mean() for part in lengths]
    expected = counts.sum() * p / p.sum()
    chi_square = float(np.sum((counts - expected) ** 2 / expected))
    assert chi_square < 18.4  # exceeded with a probability of 1e-4 at 2 degrees of freedom


def test_no_document_comes_twice_before_all_have_come_once() -> None:
    lengths = some_lengths(1)
    times = [np.zeros(len(part), dtype=int) for part in lengths]
    orders: list[list[int]] = [[] for _ in lengths]
    for source, document in draw(lengths, [0.5, 0.2, 0.3], 200_000, seed=4):
        times[source][document] += 1
        orders[source].append(document)
        assert times[source].max() - times[source].min() <= 1
    assert times[2].max() >= 2
    first, second = orders[2][:40], orders[2][40:80]
    assert sorted(first) == list(range(40))
    assert first != second[: len(first)]


def test_the_same_seed_draws_the_same_and_a_longer_budget_begins_alike() -> None:
    lengths = some_lengths(2)
    short, again, longer, other = (
        list(draw(lengths, [1, 1, 1], budget, seed))
        for budget, seed in ((9000, 5), (9000, 5), (50_000, 5), (9000, 6))
    )
    assert short == again == longer[: len(short)]
    assert short != other


def test_a_source_without_a_share_is_never_drawn() -> None:
    lengths = [np.array([3, 4]), np.array([], dtype=np.int64), np.array([5])]
    assert {source for source, _ in draw(lengths, [1, 0, 0], 100, seed=0)} == {0}
    assert share_errors(lengths, [1, 0, 0], 100).tolist() == [0, 0, 0]


@pytest.mark.error_contract
def test_shares_that_cannot_be_are_refused() -> None:
    lengths = [np.array([3]), np.array([], dtype=np.int64)]
    for shares in ([0, 0], [-1, 2], [float("nan"), 1], [float("inf"), 1]):
        with pytest.raises(ValueError, match="expected finite numbers"):
            list(draw(lengths, shares, 10, 0))
    with pytest.raises(ValueError, match="source 1 shall fill a share of 2 and holds no tokens"):
        list(draw(lengths, [1, 2], 10, 0))
