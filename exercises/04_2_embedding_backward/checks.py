"""Checks of 04.2: the embedding, backward."""

import numpy as np

from minillama.book.exercises import Hole

RULES = "From numbers to arrays: two rules"
EMBEDDING = "The embedding"

embedding_backward = Hole("embedding_backward")

embedding_backward.case(
    "different tokens, by hand",
    np.array([[3.0, 4.0], [0.0, 0.0], [1.0, 2.0], [0.0, 0.0]]),
    d_out=np.array([[1.0, 2.0], [3.0, 4.0]]),
    tokens=np.array([2, 0]),
    vocab_size=4,
)
embedding_backward.case(
    "a token that stands in three places, by hand",
    np.array([[10.0], [1101.0], [0.0]]),
    d_out=np.array([[1.0], [10.0], [100.0], [1000.0]]),
    tokens=np.array([1, 0, 1, 1]),
    vocab_size=3,
)
embedding_backward.case(
    "two texts that share a token, by hand",
    np.array([[4.0], [2.0], [1.0], [10.0]]),
    d_out=np.array([[[1.0], [2.0]], [[4.0], [10.0]]]),
    tokens=np.array([[2, 1], [0, 3]]),
    vocab_size=4,
)


def place_by_place(d_out, tokens, vocab_size):
    """Walk over all places and add numbers one by one."""
    rows = [[0.0] * d_out.shape[-1] for _ in range(vocab_size)]
    for place in np.ndindex(tokens.shape):
        for c, value in enumerate(d_out[place].tolist()):
            rows[int(tokens[place])][c] += value
    return np.array(rows)


@embedding_backward.against(place_by_place, "random tokens, against loops over single numbers", seeds=6)
def texts(rng):
    shape = [(7,), (2, 5), (3, 2, 4)][int(rng.integers(3))]
    vocab_size = int(rng.integers(6, 9))
    tokens = rng.integers(0, 5, size=shape)  # at least one row stays unused
    return {
        "d_out": rng.normal(0.4, 1.0, size=(*shape, int(rng.integers(2, 4)))),
        "tokens": tokens,
        "vocab_size": vocab_size,
    }


@embedding_backward.law("nothing gets lost: the rows add up to the sum of d_out", texts, seeds=3)
def nothing_lost(embedding_backward, d_out, tokens, vocab_size):
    found = embedding_backward(d_out, tokens, vocab_size)
    return found.sum(axis=0), d_out.reshape(-1, d_out.shape[-1]).sum(axis=0)


def summed(d_out, tokens, vocab_size):
    table = np.zeros((vocab_size, d_out.shape[-1]))
    np.add.at(table, tokens, d_out)
    return table


@embedding_backward.mistake(
    "Of equal tokens only the last one counts. table[tokens] = d_out and table[tokens] += d_out both"
    " write each row once. What is copied forwards is summed backwards: add one by one, with np.add.at.",
    see=EMBEDDING,
)
def last_wins(d_out, tokens, vocab_size):
    table = np.zeros((vocab_size, d_out.shape[-1]))
    table[tokens] += d_out
    return table


@embedding_backward.mistake(
    "Of equal tokens only the first one counts. Each place has a road of its own to the loss, and the"
    " roads add up.",
    see=RULES,
)
def first_wins(d_out, tokens, vocab_size):
    table = np.zeros((vocab_size, d_out.shape[-1]))
    rows = d_out.reshape(-1, d_out.shape[-1])
    different, first = np.unique(tokens, return_index=True)
    table[different] = rows[first]
    return table


@embedding_backward.mistake(
    "Each row is the mean over the places of its token. It is the sum: a token that occurs often has more"
    " roads to the loss.",
    see=RULES,
)
def mean_of_places(d_out, tokens, vocab_size):
    counts = np.bincount(tokens.ravel(), minlength=vocab_size)
    return summed(d_out, tokens, vocab_size) / np.maximum(counts, 1)[:, None]


@embedding_backward.mistake(
    "All was divided by the number of places. A mean, if one is wanted, is already in the loss, and so in"
    " d_out.",
    see=RULES,
)
def divided_by_all(d_out, tokens, vocab_size):
    return summed(d_out, tokens, vocab_size) / tokens.size


@embedding_backward.mistake(
    "There are rows only for the tokens that occurred. A gradient has the shape of its parameter: V rows,"
    " zeros where nothing happened.",
    see=RULES,
)
def rows_that_occur(d_out, tokens, vocab_size):
    return summed(d_out, tokens, vocab_size)[np.unique(tokens)]


@embedding_backward.mistake(
    "There are rows only up to the largest token that occurred. The table has vocab_size rows, and so has"
    " its gradient.",
    see=RULES,
)
def rows_to_the_largest(d_out, tokens, vocab_size):
    return summed(d_out, tokens, vocab_size)[: tokens.max() + 1]


@embedding_backward.mistake(
    "Row 0 stayed empty, as if token 0 were padding. It is a token like the others; what is to be"
    " ignored, the loss ignores.",
    see=EMBEDDING,
)
def zero_is_padding(d_out, tokens, vocab_size):
    table = summed(d_out, tokens, vocab_size)
    table[0] = 0.0
    return table


@embedding_backward.mistake(
    "There is one table for each text. The table is one and served all texts: sum over all axes of tokens.",
    see=EMBEDDING,
)
def table_per_text(d_out, tokens, vocab_size):
    if tokens.ndim == 1:
        return summed(d_out, tokens, vocab_size)
    return np.stack([table_per_text(d, t, vocab_size) for d, t in zip(d_out, tokens, strict=True)])


@embedding_backward.mistake(
    "You returned d_out, or a copy of it: the gradient of the copies, one for each place. Asked for is"
    " that of the table, one row for each token.",
    see=EMBEDDING,
)
def of_the_copies(d_out, tokens, vocab_size):
    return d_out.copy()
