"""Documents of token ids cut into rows that a model trains on.

    documents   [B a b c E] [B d e E] [B f g h i E]
    stream       B a b c E B | d e E B f g | h i E ...      no token lost, rows begin anywhere
    one_per_row  B a b c E . | B d e E . . | B f g h i E    each document alone, padded at the end

`stream` is what LLaMA does. `one_per_row` pays for the padding, and in return no row opens in the
middle of something the model has not seen, and nothing else stands before it: then the loss on it
has an exact floor (see the page on the floor).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int64

IGNORE_INDEX = -100


@runtime_checkable
class Batches(Protocol):
    """What a training run reads: rows whose batch number `index` is a pure function of `index`."""

    def __len__(self) -> int:
        """Return the number of rows."""
        ...

    def batch(self, index: int, batch_size: int) -> tuple[Int64[np.ndarray, "B T"], Int64[np.ndarray, "B T"]]:
        """Return (tokens, targets); `Rows.batch` says more."""
        ...

    def documents(self, index: int, batch_size: int) -> Int64[np.ndarray, "B T"]:
        """Return for each input of that batch a number that is the same within a document only."""
        ...

    @property
    def fingerprint(self) -> str:
        """A hash of all rows and of what orders them: a resumed run must find the same."""
        ...


@dataclass(frozen=True)
class Rows:
    """Training rows in a fixed order per epoch, so that batch `i` is a pure function of `i`.

    Parameters
    ----------
    tokens : int64 array, shape (R, T)
        Inputs.
    targets : int64 array, shape (R, T)
        The token that follows each input; -100 where there is none.
    seed : int
        Of the shuffling; each epoch has an order of its own.
    document_ids : int64 array, shape (R, T), optional
        The document that each input comes from. Without it, a row is one document.

    Examples
    --------
    >>> rows = stream([[1, 2, 3, 4, 5], [6, 7]], seq_len=3)
    >>> rows.tokens.tolist(), rows.targets.tolist(), rows.document_ids.tolist()
    ([[1, 2, 3], [4, 5, 6]], [[2, 3, 4], [5, 6, 7]], [[0, 0, 0], [0, 0, 1]])
    """

    tokens: Int64[np.ndarray, "R T"]
    targets: Int64[np.ndarray, "R T"]
    seed: int = 0
    document_ids: Int64[np.ndarray, "R T"] | None = None

    def __len__(self) -> int:
        return len(self.tokens)

    def batch(self, index: int, batch_size: int) -> tuple[Int64[np.ndarray, "B T"], Int64[np.ndarray, "B T"]]:
        """Return batch number `index` (from 0) as (tokens, targets); epochs follow one another without end.

        Raises
        ------
        ValueError
            If there are fewer rows than one batch needs.
        """
        chosen = rows_of_batch(len(self), index, batch_size, self.seed)
        return self.tokens[chosen], self.targets[chosen]

    def documents(self, index: int, batch_size: int) -> Int64[np.ndarray, "B T"]:
        """Return which document each input of batch number `index` comes from; raises as `batch` does."""
        chosen = rows_of_batch(len(self), index, batch_size, self.seed)
        if self.document_ids is None:
            return np.zeros((batch_size, self.tokens.shape[1]), dtype=np.int64)
        return self.document_ids[chosen]

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the rows and of the seed that orders them."""
        digest = hashlib.sha256(str(self.seed).encode())
        digest.update(self.tokens.tobytes())
        digest.update(self.targets.tobytes())
        if self.document_ids is not None:
            digest.update(self.document_ids.tobytes())
        return digest.hexdigest()


def rows_of_batch(n_rows: int, index: int, batch_size: int, seed: int) -> Int64[np.ndarray, " B"]:
    """Return which rows make batch number `index`: each epoch goes through all rows in an order of its own.

    Rows that no longer fill a batch are left out of that epoch.

    Raises
    ------
    ValueError
        If there are fewer rows than one batch needs.

    Examples
    --------
    >>> sorted(np.concatenate([rows_of_batch(6, i, 2, seed=0) for i in range(3)]).tolist())
    [0, 1, 2, 3, 4, 5]
    """
    per_epoch = n_rows // batch_size
    if per_epoch == 0:
        raise ValueError(f"{n_rows} rows cannot fill a batch of {batch_size}: more text or smaller batches")
    epoch, place = divmod(index, per_epoch)
    return _order(n_rows, seed, epoch)[place * batch_size : (place + 1) * batch_size]


@lru_cache(maxsize=4)  # a run asks for one epoch's order at each step
def _order(n_rows: int, seed: int, epoch: int) -> Int64[np.ndarray, " R"]:
    order = np.random.default_rng((seed, epoch)).permutation(n_rows)
    order.flags.writeable = False
    return order


def stream(documents: Sequence[Sequence[int]], seq_len: int, seed: int = 0) -> Rows:
    """Join all documents and cut the result every `seq_len` tokens.

    Raises
    ------
    ValueError
        If there are not enough tokens for one row.
    """
    joined = np.fromiter((token for document in documents for token in document), dtype=np.int64)
    of_document = np.repeat(np.arange(len(documents)), [len(document) for document in documents])
    n_rows = (len(joined) - 1) // seq_len
    if n_rows < 1:
        raise ValueError(
            f"{len(joined)} tokens do not fill a row of {seq_len} + 1: more text or a smaller seq_len"
        )
    shape, end = (n_rows, seq_len), n_rows * seq_len
    tokens, targets = joined[:end].reshape(shape), joined[1 : end + 1].reshape(shape)
    return Rows(tokens, targets, seed, of_document[:end].reshape(shape))


def one_per_row(documents: Sequence[Sequence[int]], seed: int = 0) -> Rows:
    """Give each document a row of its own, as long as the longest; the rest has targets of -100.

    Raises
    ------
    ValueError
        If there are no documents, or one has fewer than two tokens.

    Examples
    --------
    >>> rows = one_per_row([[1, 2, 3, 4], [5, 6]])
    >>> rows.tokens.tolist(), rows.targets.tolist()
    ([[1, 2, 3], [5, 0, 0]], [[2, 3, 4], [6, -100, -100]])
    """
    if not documents:
        raise ValueError("no documents to pack: the list is empty")
    if min(map(len, documents)) < 2:
        raise ValueError("a document has fewer than two tokens: nothing in it can be predicted")
    shape = (len(documents), max(map(len, documents)) - 1)
    tokens = np.zeros(shape, dtype=np.int64)
    targets = np.full(shape, IGNORE_INDEX, dtype=np.int64)
    for row, document in enumerate(documents):
        tokens[row, : len(document) - 1] = document[:-1]
        targets[row, : len(document) - 1] = document[1:]
    return Rows(tokens, targets, seed)
