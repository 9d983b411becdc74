"""Bring one pinned file from the package index, and take single members out of it.

The index is whatever pip on this machine uses. pip compares the SHA-256 before it opens anything. It also
wants to know an archive's metadata, and for a source archive would run its `setup.py` to learn it: a
stand-in for the build tool answers instead, so nothing of what is fetched is ever executed or installed.

Left out: looking for newer versions. A pin is a pin.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Protocol, runtime_checkable

Progress = Callable[[int], None]  # called with the bytes that have come so far
POLL = 0.2  # seconds between two looks at the download
BLOCK = 1 << 20  # bytes read at once

STAND_IN = '''
"""Answers pip's question for the metadata of {name} {version}; runs nothing."""
import pathlib
class Backend:
    def get_requires_for_build_wheel(self, config_settings=None):
        return []
    def prepare_metadata_for_build_wheel(self, directory, config_settings=None):
        info = pathlib.Path(directory, "{name}-{version}.dist-info")
        info.mkdir()
        text = "Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n"
        (info / "METADATA").write_text(text)
        return info.name
__legacy__ = Backend()
'''


@runtime_checkable
class Readable(Protocol):
    """A stream of bytes."""

    def read(self, n: int = -1, /) -> bytes:
        """Return at most n bytes."""


class FetchError(OSError):
    """Something could not be fetched, or is not what was expected; the message says what to do."""


def download(requirement: str, sha256: str, into: Path, progress: Progress | None = None) -> Path:
    """Let pip bring the one file of `requirement` that has this hash.

    Parameters
    ----------
    requirement : str
        Name and version, ``"name==1.0"``.
    sha256 : str
        Of the wheel or source archive.
    into : Path
        An empty directory, for this alone.
    progress : callable, optional
        Is told how many bytes have come.

    Returns
    -------
    Path
        The archive.

    Raises
    ------
    FetchError
        If pip is missing, has no connection, or finds no such file with this hash.
    """
    name, version = requirement.split("==")
    stand_in, temporary, out = into / "stand_in" / "setuptools", into / "tmp", into / "out"
    for directory in (stand_in, temporary, out):
        directory.mkdir(parents=True)
    (stand_in / "__init__.py").write_text("")
    (stand_in / "build_meta.py").write_text(STAND_IN.format(name=name, version=version))
    wanted = into / "requirement.txt"
    wanted.write_text(f"{requirement} --hash=sha256:{sha256}\n")
    command = [sys.executable, "-m", "pip", "download", "--no-input", "--disable-pip-version-check"]
    command += ["--no-deps", "--no-cache-dir", "--require-hashes", "--ignore-requires-python"]
    command += ["--use-pep517", "--no-build-isolation", "--progress-bar", "off", "--retries", "2"]
    command += ["--dest", str(out), "--requirement", str(wanted)]
    places = {"TMPDIR": str(temporary), "PYTHONPATH": str(stand_in.parent)}
    with (into / "pip.log").open("wb") as log:
        pip = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | places)
        try:
            while pip.poll() is None:
                time.sleep(POLL)
                if progress is not None:
                    progress(_bytes_under(temporary) + _bytes_under(out))
        finally:
            pip.kill()
            pip.wait()
    archives = list(out.iterdir())
    if pip.returncode != 0 or len(archives) != 1:
        raise FetchError(f"{requirement} could not be fetched: {_reason((into / 'pip.log').read_text())}")
    return archives[0]


def _bytes_under(directory: Path) -> int:
    """Count the bytes of the files in a directory that somebody else is changing."""
    total = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            try:
                total += os.stat(os.path.join(folder, name)).st_size
            except FileNotFoundError:  # it has just been moved
                continue
    return total


def _reason(log: str) -> str:
    """Say in a few words why pip gave up."""
    lines = log.splitlines()
    signs = {
        "No module named pip": f"this Python has no pip; try {sys.executable} -m ensurepip",
        "DO NOT MATCH THE HASHES": "what came is not the pinned file (its SHA-256 differs); nothing was kept",
        "No space left": "the disk is full; nothing was kept",
        "NewConnectionError": "no connection to the package index; try again when there is one",
        "Failed to resolve": "no connection to the package index; try again when there is one",
        "ConnectTimeoutError": "no connection to the package index; try again when there is one",
        "ProxyError": "the proxy does not answer; try again when it does",
        "No matching distribution": "the package index does not answer, or does not have it",
    }
    for sign, meaning in signs.items():
        if sign in log:
            return meaning
    told = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return (told or lines or ["pip did not say why"])[-1].strip()


def members(archive: Path, wanted: Collection[str]) -> Iterator[tuple[str, Readable]]:
    """Go through a wheel or `.tar.gz` once and yield each wanted member, open for reading.

    Members are known by their exact names and are never unpacked to a place that the archive names.

    Raises
    ------
    FetchError
        If the archive is broken or a member is not in it.
    """
    missing = set(wanted)
    try:
        for name, stream in _wheel(archive) if archive.suffix == ".whl" else _tar(archive):
            if name in missing:
                missing.remove(name)
                yield name, stream
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise FetchError(f"{archive.name}: not a whole archive ({error})") from None
    if missing:
        raise FetchError(f"{archive.name}: {min(missing)} is not in it")


def _wheel(archive: Path) -> Iterator[tuple[str, Readable]]:
    with zipfile.ZipFile(archive) as wheel:
        for name in wheel.namelist():
            with wheel.open(name) as stream:
                yield name, stream


def _tar(archive: Path) -> Iterator[tuple[str, Readable]]:
    with tarfile.open(archive, "r|gz") as tar:
        for entry in tar:
            stream = tar.extractfile(entry) if entry.isfile() else None
            if stream is not None:
                yield entry.name, stream


def blocks(stream: Readable, limit: int) -> Iterator[bytes]:
    """Read a stream to its end, but no further than `limit` bytes: whatever its header says.

    Raises
    ------
    FetchError
        If there is more.
    """
    left = limit
    while block := stream.read(min(BLOCK, left + 1)):
        left -= len(block)
        if left < 0:
            raise FetchError(f"a member is longer than the expected {limit} bytes")
        yield block


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()
