"""A stream of tokens written as files of equal length, each whole or not there (`shards` reads them)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from .files import write_whole
from .manifest import Shard


class ShardWriter:
    """Write a stream of tokens into files of equal length, each whole or not there.

    Parameters
    ----------
    directory : Path
    split : str
        Begins the files' names.
    dtype : str
        "uint16" or "uint32".
    shard_tokens : int
        Tokens a file; the last one holds what is left.
    progress : callable, optional
        Is told how many tokens were written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     writer = ShardWriter(Path(folder), "train", "uint16", shard_tokens=4)
    ...     writer.add([1, 2, 3]), writer.add([4, 5])
    ...     [(shard.file, shard.tokens) for shard in writer.close()]
    (None, None)
    [('train-00000.bin', 4), ('train-00001.bin', 1)]
    """

    def __init__(
        self,
        directory: Path,
        split: str,
        dtype: str,
        shard_tokens: int,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        self._directory, self._split, self._dtype = directory, split, np.dtype(dtype).newbyteorder("<")
        self._size, self._progress = shard_tokens, progress
        self._waiting: list[np.ndarray] = []
        self._held = 0
        self._shards: list[Shard] = []

    def add(self, tokens: Sequence[int] | np.ndarray) -> None:
        """Append tokens to the stream."""
        self._waiting.append(np.asarray(tokens, dtype=self._dtype))
        self._held += len(tokens)
        while self._held >= self._size:
            joined = np.concatenate(self._waiting)
            self._write(joined[: self._size])
            self._waiting, self._held = [joined[self._size :]], self._held - self._size

    def close(self) -> tuple[Shard, ...]:
        """Write what is left, and return what was written."""
        if self._held:
            self._write(np.concatenate(self._waiting))
            self._waiting, self._held = [], 0
        return tuple(self._shards)

    def _write(self, tokens: np.ndarray) -> None:
        data = tokens.tobytes()
        name = f"{self._split}-{len(self._shards):05}.bin"
        write_whole(self._directory / name, data)
        self._shards.append(Shard(name, len(tokens), hashlib.sha256(data).hexdigest()))
        if self._progress is not None:
            self._progress(len(tokens))
