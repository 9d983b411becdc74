"""Files that are there whole or not at all: what a stopped run leaves behind is never half a file."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BLOCK = 1 << 20  # bytes read at once


def write_whole(path: Path, data: bytes) -> None:
    """Write `data` beside `path`, sync it to the disk, and rename it over `path`."""
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, read a block at a time."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


@contextmanager
def alone_in(directory: Path) -> Iterator[None]:
    """Hold a directory against other processes; the hold ends with the process, however that ends.

    Raises
    ------
    ValueError
        If another process holds it.
    """
    with (directory / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(f"{directory}: another run is at work in this directory") from None
        yield
