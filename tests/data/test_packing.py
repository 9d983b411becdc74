"""Packing: nothing invented, nothing shifted, rows begin where they should."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minillama.data.packing import IGNORE_INDEX, one_per_row, stream

DOCUMENTS = st.lists(st.lists(st.integers(1, 99), min_size=1, max_size=12), min_size=1, max_size=20)


@given(documents=DOCUMENTS, seq_len=st.integers(1, 9))
def test_stream_is_the_joined_text_cut_up(documents: list[list[int]], seq_len: int) -> None:
    joined = [token for document in documents for token in document]
    if len(joined) <= seq_len:
        with pytest.raises(ValueError, match="do not fill a row"):
            stream(documents, seq_len)
        return
    rows = stream(documents, seq_len)
    n = rows.tokens.size
    assert rows.tokens.flatten().tolist() == joined[:n]
    assert rows.targets.flatten().tolist() == joined[1 : n + 1]
    assert len(joined) - n <= seq_len
    of_document = [number for number, document in enumerate(documents) for _ in document]
    assert rows.document_ids.flatten().tolist() == of_document[:n]


@given(documents=st.lists(st.lists(st.integers(1, 99), min_size=2, max_size=12), min_size=1, max_size=20))
def test_each_document_has_a_row_of_its_own(documents: list[list[int]]) -> None:
    rows = one_per_row(documents)
    for document, tokens, targets in zip(documents, rows.tokens, rows.targets, strict=True):
        real = targets != IGNORE_INDEX
        assert [tokens[0], *targets[real]] == document
        assert tokens[real].tolist() == document[:-1]
    assert rows.tokens.shape[1] == max(map(len, documents)) - 1


def test_batches_of_an_epoch_are_the_rows() -> None:
    rows = stream([list(range(1, 42))], seq_len=4, seed=1)
    batches = [rows.batch(i, 5) for i in range(2)]
    seen = np.concatenate([tokens for tokens, _ in batches])
    assert sorted(seen[:, 0].tolist()) == sorted(rows.tokens[:, 0].tolist())
    for tokens, targets in batches:
        assert np.array_equal(tokens + 1, targets)


def test_documents_come_in_the_order_of_the_batches() -> None:
    rows = stream([[k] * (k + 1) for k in range(12)], seq_len=4, seed=3)
    for index in range(5):
        assert np.array_equal(rows.documents(index, 3), rows.batch(index, 3)[0])
    assert stream([[1, 2], [3, 4]], 3).fingerprint != stream([[1, 2, 3], [4]], 3).fingerprint
    alone = one_per_row([[1, 2, 3], [4, 5]])
    assert alone.documents(0, 2).tolist() == [[0, 0], [0, 0]]


@pytest.mark.error_contract
def test_nothing_to_pack_is_refused() -> None:
    with pytest.raises(ValueError, match="no documents"):
        one_per_row([])
    with pytest.raises(ValueError, match="fewer than two tokens"):
        one_per_row([[1, 2], [3]])
