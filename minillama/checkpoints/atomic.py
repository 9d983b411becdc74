"""Writing files and directories whole or not at all: a temporary name, sync, rename.

A file takes its name in one step. So does a directory: the new one is made beside the old, the two change
names at once where the system can (Linux), and what is left of the old is removed afterwards. After a crash
at any moment there is either the old checkpoint or the new one under the name, never a mixture; what else it
may leave is a hidden neighbour whose name ends in ``.tmp``.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_HERE, _EXCHANGE = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of Linux's renameat2


@contextmanager
def replacing_file(target: Path) -> Iterator[BinaryIO]:
    """Open a file under a temporary name; when the block ends well, it takes the place of `target`.

    Examples
    --------
    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "a.txt"
    >>> with replacing_file(target) as file:
    ...     _ = file.write(b"whole")
    >>> target.read_text(), len(list(target.parent.iterdir()))
    ('whole', 1)
    """
    temporary = _beside(target)
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_directory(target.parent)


def write_atomically(target: Path, data: bytes) -> None:
    """Write `data` beside `target`, sync it to the disk, and rename it over `target`."""
    with replacing_file(target) as file:
        file.write(data)


@contextmanager
def replacing_directory(target: Path, ours: Collection[str]) -> Iterator[Path]:
    """Make a directory under a temporary name; when the block ends well, it takes the place of `target`.

    Parameters
    ----------
    target : Path
        May exist; then its parent must be writable, for the change of names.
    ours : collection of str
        Patterns of the files that a checkpoint consists of: those go with the old directory. Whatever else
        is there is moved into the new one.

    Yields
    ------
    Path
        The directory to write into.
    """
    target = target.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = _beside(target)
    temporary.mkdir()
    try:
        yield temporary
        for file in temporary.iterdir():
            _sync_file(file)
        _sync_directory(temporary)
        if target.exists():
            shutil.copymode(target, temporary)
            _link_others(target, temporary, ours)
            _exchange(temporary, target)
        else:
            temporary.rename(target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    if temporary.exists():  # it is the old one now
        _empty(temporary, target, ours)
    _sync_directory(target.parent)


def _link_others(old: Path, new: Path, ours: Collection[str]) -> None:
    """Give the files that are not a checkpoint's a second name in the new directory, before it is used."""
    for other in old.iterdir():
        if other.is_file() and not _is_ours(other, ours):
            with contextlib.suppress(OSError):  # a file system without links: they are moved afterwards
                os.link(other, new / other.name)


def _empty(old: Path, new: Path, ours: Collection[str]) -> None:
    """Remove the old checkpoint's files, move what else is left to the new one, and remove the directory."""
    for left in list(old.iterdir()):
        twin = new / left.name
        if _is_ours(left, ours) or (twin.exists() and twin.samefile(left)):
            left.unlink()
        elif not twin.exists():
            left.rename(twin)
    with contextlib.suppress(OSError):  # something else has the same name in both: then both stay
        old.rmdir()


def _is_ours(path: Path, ours: Collection[str]) -> bool:
    return not path.is_dir() and any(path.match(pattern) for pattern in ours)


def _beside(target: Path) -> Path:
    """Return a temporary name in the same directory, on the same file system."""
    return target.with_name(f".{target.name}.{os.getpid()}.tmp")


def _exchange(new: Path, old: Path) -> None:
    """Let two directories change names, in one step if the system can."""
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.renameat2(_HERE, os.fsencode(new), _HERE, os.fsencode(old), _EXCHANGE) == 0:
            return
    aside = old.with_name(f"{new.name}.old")
    old.rename(aside)
    try:
        new.rename(old)
    except BaseException:
        aside.rename(old)
        raise
    aside.rename(new)


def _sync_file(path: Path) -> None:
    """Bring a file's bytes to the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _sync_directory(path: Path) -> None:
    """Bring a directory's names to the disk, where the file system can."""
    with contextlib.suppress(OSError):
        directory = os.open(path, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
