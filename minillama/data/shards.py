"""Token files read as training rows, without reading them into memory (`shard_writer` writes them).

    stream   B a b c E B d e | E B f g h E B i | ...      two files, one stream
    row 0    B a b c                    targets  a b c E
    row 1    E B d e                    targets  . d e E         . is -100
                                        documents 0 1 1 1

A row begins anywhere. What follows an eos is the bos of another document, which nothing could have told:
that target is -100. `documents` says who may look at whom. Left out: reading from other machines.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from .files import sha256_of
from .manifest import DTYPES, Manifest, Shard, ShardError, read_manifest
from .packing import IGNORE_INDEX, rows_of_batch

__all__ = ["ShardError", "ShardedRows", "broken_files", "open_shards"]


def open_shards(
    directory: str | Path,
    seq_len: int | None = None,
    seed: int | None = None,
    split: str = "train",
    verify: bool = False,
) -> ShardedRows:
    """Open what `minillama data make` wrote, as rows to train on.

    Parameters
    ----------
    directory : path
    seq_len : int, optional
        Tokens a row; by default the recipe's.
    seed : int, optional
        Of the order of rows; by default the recipe's.
    split : str
        "train" or "held_out".
    verify : bool
        Read all files and compare their hashes; otherwise only their sizes are compared.

    Raises
    ------
    ShardError
        (a ValueError) If a file is missing, of another size, or (with `verify`) of another content; if the
        split does not fill one row.
    """
    directory = Path(directory)
    manifest = read_manifest(directory)
    if split not in manifest.splits:
        raise ShardError(f"{directory}: there is no split {split!r}: expected {', '.join(manifest.splits)}")
    faults = list(broken_files(directory, hashes=verify))
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise ShardError(faults[0] + more)
    rows = ShardedRows(directory, manifest, split, seq_len or manifest.seq_len, seed)
    if len(rows) < 1:
        raise ShardError(
            f"{directory}: the {manifest.tokens(split)} tokens of {split} do not fill a row of"
            f" {rows.seq_len} + 1: more text or a smaller seq_len"
        )
    return rows


def broken_files(
    directory: str | Path, hashes: bool = True, progress: Callable[[str], None] | None = None
) -> Iterable[str]:
    """Yield a line for each file that is not what the manifest says: missing, another size, another hash.

    Parameters
    ----------
    directory : path
    hashes : bool
        Compare contents too, which reads everything.
    progress : callable, optional
        Is told each file's name when it has been looked at.

    Raises
    ------
    ShardError
        If there is no manifest that can be read.
    """
    directory = Path(directory)
    manifest = read_manifest(directory)
    width = DTYPES[manifest.dtype]
    pinned = [(s.file, s.sha256, s.tokens * width) for shards in manifest.splits.values() for s in shards]
    for file, sha256, size in [(manifest.tokenizer.file, manifest.tokenizer.sha256, None), *pinned]:
        path = directory / file
        if not path.is_file():
            yield f"{path}: the manifest names it and it is not there"
        elif size is not None and path.stat().st_size != size:
            yield f"{path}: {path.stat().st_size:,} bytes, and the manifest says {size:,}"
        elif hashes and (found := sha256_of(path)) != sha256:
            yield f"{path}: its SHA-256 is {found[:12]}..., and the manifest says {sha256[:12]}..."
        if progress is not None:
            progress(file)


class ShardedRows:
    """Rows of one split, batch `index` a pure function of `index`; `open_shards` makes it.

    Attributes
    ----------
    directory : Path
    manifest : Manifest
    split : str
    seq_len : int
        T, tokens a row.
    seed : int
    """

    def __init__(
        self, directory: Path, manifest: Manifest, split: str, seq_len: int, seed: int | None = None
    ) -> None:
        self.directory = directory
        self.manifest = manifest
        self.split = split
        self.seq_len = seq_len
        self.seed = manifest.seed if seed is None else seed
        shards = [shard for shard in manifest.splits[split] if shard.tokens]
        self._files = [_mapped(directory / shard.file, shard, manifest) for shard in shards]
        self._ends = np.cumsum([shard.tokens for shard in shards], dtype=np.int64)

    def __len__(self) -> int:
        return max(self.manifest.tokens(self.split) - 1, 0) // self.seq_len

    @property
    def tokenizer_path(self) -> Path:
        """The file of the tokenizer that the ids belong to."""
        return self.directory / self.manifest.tokenizer.file

    @property
    def fingerprint(self) -> str:
        """A hash of the files' hashes, the length of a row and the seed."""
        parts = [shard.sha256 for shard in self.manifest.splits[self.split]]
        return hashlib.sha256("\n".join([*parts, str(self.seq_len), str(self.seed)]).encode()).hexdigest()

    def rows(self, numbers: Sequence[int] | Int64[np.ndarray, " B"]) -> Int64[np.ndarray, "B T_plus_1"]:
        """Return rows by number, each with the token that follows it.

        Raises
        ------
        ShardError
            If an id is outside the vocabulary.
        """
        length = self.seq_len + 1
        rows = np.stack([self._stream(int(number) * self.seq_len, length) for number in numbers])
        if rows.max() >= self.manifest.tokenizer.vocab_size:
            raise ShardError(
                f"{self.directory}: token id {rows.max()} in a vocabulary of"
                f" {self.manifest.tokenizer.vocab_size}: `minillama data check` names the broken file"
            )
        return rows

    def batch(self, index: int, batch_size: int) -> tuple[Int64[np.ndarray, "B T"], Int64[np.ndarray, "B T"]]:
        """Return batch number `index` (from 0) as (tokens, targets); epochs follow one another without end.

        Raises
        ------
        ValueError
            If there are fewer rows than one batch needs.
        """
        rows = self.rows(rows_of_batch(len(self), index, batch_size, self.seed))
        targets = np.where(rows[:, 1:] == self.manifest.tokenizer.bos_id, IGNORE_INDEX, rows[:, 1:])
        return rows[:, :-1], targets

    def documents(self, index: int, batch_size: int) -> Int64[np.ndarray, "B T"]:
        """Count the documents within each row of batch `index`: each bos begins the next one."""
        tokens, _ = self.batch(index, batch_size)
        return np.cumsum(tokens == self.manifest.tokenizer.bos_id, axis=1, dtype=np.int64)

    def _stream(self, start: int, length: int) -> Int64[np.ndarray, " T"]:
        """Read from the stream as if it were one array."""
        parts = []
        shard = int(np.searchsorted(self._ends, start, side="right"))
        while length > 0:
            file, end = self._files[shard], int(self._ends[shard])
            begin = start - (end - len(file))
            part = file[begin : begin + length]
            parts.append(part.astype(np.int64))
            start, length, shard = start + len(part), length - len(part), shard + 1
        return np.concatenate(parts)


def _mapped(path: Path, shard: Shard, manifest: Manifest) -> np.ndarray:
    """Map a file into memory: pages are read when they are looked at."""
    dtype = np.dtype(manifest.dtype).newbyteorder("<")
    return np.memmap(path, dtype=dtype, mode="r", shape=(shard.tokens,))
