"""Checks of 06.4: rows from the interleaved layout to the half layout."""

import numpy as np

from minillama.book.exercises import Hole

PERMUTATION = "One permutation between them"

permute_rows = Hole("permute_rows", exact_dtype=True)

permute_rows.case(
    "one head of eight rows, by hand",
    np.array([[0.0], [2.0], [4.0], [6.0], [1.0], [3.0], [5.0], [7.0]]),
    weight=np.arange(8.0)[:, None],
    n_heads=1,
)
permute_rows.case(
    "two heads of six rows, a bias, by hand",
    np.array([0.0, 2.0, 4.0, 1.0, 3.0, 5.0, 6.0, 8.0, 10.0, 7.0, 9.0, 11.0]),
    weight=np.arange(12.0),
    n_heads=2,
)
permute_rows.case(
    "one pair a head: nothing to sort",
    np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]),
    weight=np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]),
    n_heads=2,
)


def row_by_row(weight, n_heads):
    """Carry each row to its new place."""
    D = len(weight) // n_heads
    out = np.empty_like(weight)
    for head in range(n_heads):
        for row in range(D):
            pair, member = divmod(row, 2)
            out[head * D + member * (D // 2) + pair] = weight[head * D + row]
    return out


@permute_rows.against(row_by_row, "random projections, against rows carried one by one", seeds=5)
def projections(rng):
    n_heads, D = int(rng.integers(2, 4)), 2 * int(rng.integers(3, 6))
    return {"weight": rng.normal(size=(n_heads * D, n_heads * D)).astype(np.float32), "n_heads": n_heads}


@permute_rows.law("no row is lost and none is doubled", projections, seeds=2)
def all_there(permute_rows, weight, n_heads):
    found = permute_rows(weight, n_heads)
    return found[np.lexsort(found.T)], weight[np.lexsort(weight.T)]


def by_order(weight, n_heads, order):
    heads = weight.reshape(n_heads, -1, *weight.shape[1:])
    return heads[:, order(heads.shape[1])].reshape(weight.shape)


def evens_first(D):
    return np.r_[0:D:2, 1:D:2]


@permute_rows.mistake(
    "You went the other way, from half to interleaved: 0, D/2, 1, D/2 + 1, ... Asked for is 0 2 4 ... 1 3"
    " 5 ...",
    see=PERMUTATION,
)
def other_direction(weight, n_heads):
    return by_order(weight, n_heads, lambda D: np.argsort(evens_first(D)))


@permute_rows.mistake(
    "All rows were sorted as if they were one head. Each head is sorted by itself, or rows wander from"
    " head to head.",
    see=PERMUTATION,
)
def one_head(weight, n_heads):
    return by_order(weight, 1, evens_first)


@permute_rows.mistake(
    "You sorted the columns. They are the stream that comes in; a head's numbers come out of the rows.",
    see=PERMUTATION,
)
def columns(weight, n_heads):
    return by_order(weight.T, n_heads, evens_first).T.copy()


@permute_rows.mistake(
    "The odd rows came first. A pair is (a, b), and all the a stand in the first half.", see=PERMUTATION
)
def odds_first(weight, n_heads):
    return by_order(weight, n_heads, lambda D: np.r_[1:D:2, 0:D:2])


@permute_rows.mistake("Nothing was moved: your result is the weight as it came.", see=PERMUTATION)
def nothing(weight, n_heads):
    return weight.copy()


@permute_rows.mistake(
    "The rows were cut into (D, n_heads). A head's rows stand together, so heads come first: (n_heads, D).",
    see=PERMUTATION,
)
def heads_inside(weight, n_heads):
    heads = weight.reshape(-1, n_heads, *weight.shape[1:])  # (D, heads, ...)
    return heads[evens_first(len(heads))].reshape(weight.shape)
