"""Token files: nothing lost, nothing shifted, a broken one is named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minillama.data.files import sha256_of
from minillama.data.manifest import Manifest, TokenizerFile, read_manifest
from minillama.data.packing import IGNORE_INDEX, stream
from minillama.data.shard_writer import ShardWriter
from minillama.data.shards import ShardError, broken_files, open_shards

BOS, EOS, VOCAB = 98, 99, 100
DOCUMENTS = st.lists(st.lists(st.integers(0, 97), max_size=9), min_size=1, max_size=20)


def write(directory: Path, documents, shard_tokens=16, seq_len=5, dtype="uint16", held_out=()) -> Path:
    """A directory as the pipeline writes it."""
    (directory / "tokenizer.json").write_text("{}")
    tokenizer = TokenizerFile(
        "tokenizer.json", sha256_of(directory / "tokenizer.json"), VOCAB, bos_id=BOS, eos_id=EOS
    )
    splits = {}
    for split, texts in (("train", documents), ("held_out", held_out)):
        writer = ShardWriter(directory, split, dtype, shard_tokens)
        for document in texts:
            writer.add([BOS, *document, EOS])
        splits[split] = writer.close()
    Manifest(1, 3, seq_len, dtype, tokenizer, splits).write(directory)
    return directory


@given(DOCUMENTS, st.integers(1, 30), st.integers(1, 7), st.sampled_from(["uint16", "uint32"]))
def test_rows_are_the_stream_cut_up(tmp_path_factory, documents, shard_tokens, seq_len, dtype) -> None:
    directory = write(tmp_path_factory.mktemp("shards"), documents, shard_tokens, seq_len, dtype)
    framed = [[BOS, *document, EOS] for document in documents]
    joined = [token for document in framed for token in document]
    assert read_manifest(directory).tokens("train") == len(joined)
    if len(joined) <= seq_len:
        with pytest.raises(ShardError, match="do not fill a row"):
            open_shards(directory)
        return
    rows, expected = open_shards(directory), stream(framed, seq_len)
    assert len(rows) == len(expected)
    found = rows.rows(range(len(rows)))
    assert np.array_equal(found[:, :-1], expected.tokens)
    assert np.array_equal(found[:, 1:], expected.targets)


def test_batches_are_those_of_rows_but_for_the_targets_between_documents(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    documents = [rng.integers(0, 97, size=n).tolist() for n in rng.integers(0, 12, size=60)]
    rows = open_shards(write(tmp_path, documents, shard_tokens=37), seq_len=7, seed=11)
    expected = stream([[BOS, *document, EOS] for document in documents], 7, seed=11)
    for index in (0, 1, 9, 40):  # several epochs
        (tokens, targets), (same_tokens, next_tokens) = rows.batch(index, 4), expected.batch(index, 4)
        assert np.array_equal(tokens, same_tokens)
        assert np.array_equal(targets == IGNORE_INDEX, next_tokens == BOS)
        assert np.array_equal(targets[targets != IGNORE_INDEX], next_tokens[next_tokens != BOS])
        ours, theirs = rows.documents(index, 4), expected.documents(index, 4)
        same = lambda ids: ids[:, :, None] == ids[:, None, :]  # noqa: E731
        assert np.array_equal(same(ours), same(theirs))


def test_splits_tokenizer_and_fingerprint(tmp_path: Path) -> None:
    documents = [[1, 2, 3, 4, 5], [6, 7, 8]]
    directory = write(tmp_path, documents, held_out=[[9, 9, 9, 9, 9]])
    rows = open_shards(directory)
    assert rows.tokenizer_path == directory / "tokenizer.json"
    assert open_shards(directory, split="held_out").rows([0]).tolist() == [[BOS, 9, 9, 9, 9, 9]]
    prints = {
        open_shards(directory).fingerprint,
        open_shards(directory, seed=4).fingerprint,
        open_shards(directory, seq_len=4).fingerprint,
        open_shards(directory, split="held_out").fingerprint,
    }
    assert len(prints) == 4
    assert rows.fingerprint in prints


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.error_contract
def test_a_broken_file_is_named(tmp_path: Path) -> None:
    directory = write(tmp_path, [[k] * 10 for k in range(20)])
    assert list(broken_files(directory)) == []
    second, third = directory / "train-00001.bin", directory / "train-00002.bin"
    flip(second)
    open_shards(directory)  # sizes are right
    assert [line.split(":")[0] for line in broken_files(directory)] == [str(second)]
    with pytest.raises(ShardError, match=r"train-00001\.bin: its SHA-256 is"):
        open_shards(directory, verify=True)
    third.write_bytes(third.read_bytes()[:-1])
    with pytest.raises(ShardError, match=r"train-00002\.bin: 31 bytes, and the manifest says 32"):
        open_shards(directory)
    third.unlink()
    with pytest.raises(ShardError, match="it is not there"):
        open_shards(directory)
    looked_at = []
    assert len(list(broken_files(directory, progress=looked_at.append))) == 2
    assert looked_at == ["tokenizer.json", *(s.file for s in read_manifest(directory).splits["train"])]


@pytest.mark.error_contract
def test_an_id_outside_the_vocabulary_is_an_error_and_not_a_crash_of_the_model(tmp_path: Path) -> None:
    directory = write(tmp_path, [[1, 2, 3, 200]])
    with pytest.raises(ShardError, match=r"token id 200 in a vocabulary of 100"):
        open_shards(directory).batch(0, 1)


@pytest.mark.error_contract
@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda m: m.update(version=2), "version is 2"),
        (lambda m: m.update(dtype="float32"), "dtype is 'float32'"),
        (lambda m: m.update(colour=1), "Manifest has no field colour"),
        (lambda m: m.pop("tokenizer"), "missing"),
        (lambda m: m["tokenizer"].update(file="../../etc/passwd"), "expected the plain name"),
        (lambda m: m["splits"]["train"][0].update(file="/etc/passwd"), "expected the plain name"),
        (lambda m: m["splits"]["train"][0].update(tokens=-1), "expected a whole number"),
        (lambda m: m["splits"]["train"][0].update(tokens=1 << 62), "bytes, and the manifest says"),
        (lambda m: m["splits"]["train"][0].update(sha256="00"), "expected 64 hexadecimal digits"),
        (lambda m: m["splits"].pop("train"), "splits are"),
        (lambda m: m.update(splits=[]), "splits are"),
        (lambda m: m.update(splits={"train": 5, "held_out": []}), "not iterable"),
        (lambda m: m.update(seed="x"), "seed is 'x'"),
    ],
)
def test_a_manifest_that_lies_is_one_clear_error(tmp_path: Path, change, complaint: str) -> None:
    directory = write(tmp_path, [[k] * 10 for k in range(5)])
    values = json.loads((directory / "manifest.json").read_text())
    change(values)
    (directory / "manifest.json").write_text(json.dumps(values))
    with pytest.raises(ShardError, match=complaint):
        open_shards(directory)


@pytest.mark.error_contract
@pytest.mark.parametrize("text", ["", "[]", "{", "\xff", "[" * 100_000, '{"version": 1}'])
def test_a_manifest_that_is_none(tmp_path: Path, text: str) -> None:
    with pytest.raises(ShardError, match=r"no manifest\.json"):
        open_shards(tmp_path)
    (tmp_path / "manifest.json").write_text(text, encoding="latin-1")
    with pytest.raises(ShardError, match=r"manifest\.json: "):
        open_shards(tmp_path)
