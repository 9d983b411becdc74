"""Fetching, by the real pip from a folder that plays the index: whole or not at all, and nothing is run."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import re
import tarfile
import zipfile
from pathlib import Path

import pytest

from minillama.data import datasets as module
from minillama.data.datasets import Dataset, PinnedArchive, PinnedFile, cached, datasets, fetch, tidied
from minillama.data.fetch import FetchError, blocks, members

POEM = b"Roses are red  \r\n\r\n\r\n\r\nviolets are blue\r\n\r\nTHE END\r\n"
TIDY = b"Roses are red\n\nviolets are blue\n"
MODEL = bytes(range(256)) * 5000


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def source_archive(path: Path, marker: Path) -> bytes:
    """Write a source archive whose setup.py leaves a mark if it is ever run."""
    setup = f"open({str(marker)!r}, 'w')\nfrom setuptools import setup\nsetup(name='poems', version='1.0')\n"
    contents = {
        "poems-1.0/setup.py": setup.encode(),
        "poems-1.0/PKG-INFO": b"Metadata-Version: 1.0\nName: poems\nVersion: 1.0\n",
        "poems-1.0/data/poem_gut.txt": POEM,
    }
    write_tar(path, contents)
    return path.read_bytes()


def write_tar(path: Path, contents: dict[str, bytes]) -> None:
    with tarfile.open(path, "w:gz") as tar:
        for name, data in contents.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))


def wheel(path: Path) -> bytes:
    """Write a wheel that holds a model."""
    info = "model-2.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/weights.bin", MODEL)
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: model\nVersion: 2.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path.read_bytes()


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "setup.py was run"


@pytest.fixture
def offered(tmp_path: Path, marker: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Dataset]:
    """Datasets `poems` and `model`, offered by a folder, to be kept in an empty cache."""
    index = tmp_path / "index"
    index.mkdir()
    sdist = source_archive(index / "poems-1.0.tar.gz", marker)
    whl = wheel(index / "model-2.0-py3-none-any.whl")
    poem = PinnedFile("poems-1.0/data/poem_gut.txt", "poem.txt", len(TIDY), sha256(TIDY))
    weights = PinnedFile("model/weights.bin", "weights.bin", len(MODEL), sha256(MODEL))
    found = {
        "poems": Dataset(
            "poems", "a poem", "free", "", (PinnedArchive("poems==1.0", len(sdist), sha256(sdist), (poem,)),)
        ),
        "model": Dataset(
            "model", "a model", "free", "weights.bin",
            (PinnedArchive("model==2.0", len(whl), sha256(whl), (weights,)),),
        ),
    }  # fmt: skip
    monkeypatch.setattr(module, "datasets", lambda: found)
    monkeypatch.setenv("MINILLAMA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    return found


@pytest.fixture
def without_pip(
    offered: dict[str, Dataset], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Dataset]:
    """The same, where the model's wheel comes without asking pip, which takes a second."""
    wheel = tmp_path / "index" / "model-2.0-py3-none-any.whl"
    monkeypatch.setattr(module, "download", lambda *args: wheel)
    return offered


def leftovers(tmp_path: Path) -> list[str]:
    """Names in the cache."""
    cache = tmp_path / "cache"
    return sorted(path.name for path in cache.iterdir()) if cache.exists() else []


def test_a_source_archive_is_fetched_and_never_run(offered, marker: Path, tmp_path: Path) -> None:
    folder = fetch("poems")
    assert folder == cached("poems") == tmp_path / "cache" / "poems"
    assert [path.name for path in folder.iterdir()] == ["poem.txt"]
    assert (folder / "poem.txt").read_bytes() == TIDY
    assert not marker.exists()
    assert leftovers(tmp_path) == ["poems"]


def test_a_wheel_gives_its_file_and_progress_is_told(offered, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    path = fetch("model", lambda *args: told.append(args))
    assert path.name == "weights.bin"
    assert path.read_bytes() == MODEL
    size = offered["model"].archives[0].bytes
    assert told
    assert all(what == "model==2.0" and 0 <= come <= expected == size for what, come, expected in told)


def test_what_is_there_is_not_fetched_again(offered, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch("model")
    monkeypatch.setattr(module, "download", None)
    assert fetch("model") == cached("model")


def test_what_is_damaged_is_fetched_again(without_pip, tmp_path: Path) -> None:
    path = fetch("model")
    path.write_bytes(b"\0" + MODEL[1:])
    assert fetch("model").read_bytes() == MODEL
    path.write_bytes(MODEL[:-1])
    with pytest.raises(ValueError, match="`minillama data fetch model` brings it"):
        cached("model")
    assert fetch("model").read_bytes() == MODEL
    assert leftovers(tmp_path) == ["model"]


def test_another_archive_of_this_name_is_refused(offered, tmp_path: Path, marker: Path) -> None:
    source_archive(tmp_path / "index" / "poems-1.0.tar.gz", tmp_path / "changed")
    with pytest.raises(FetchError, match="what came is not the pinned file"):
        fetch("poems")
    assert not marker.exists()
    assert leftovers(tmp_path) == []


def changed(offered: dict[str, Dataset], name: str, **pin: object) -> None:
    """Change the pin of a dataset's only file."""
    import dataclasses

    archive = offered[name].archives[0]
    file = dataclasses.replace(archive.files[0], **pin)
    offered[name] = dataclasses.replace(
        offered[name], archives=(dataclasses.replace(archive, files=(file,)),)
    )


def test_another_file_in_the_archive_is_refused(without_pip, tmp_path: Path) -> None:
    changed(without_pip, "model", sha256="0" * 64)
    with pytest.raises(FetchError, match=r"model/weights.bin: what came is not what was pinned"):
        fetch("model")
    changed(without_pip, "model", bytes=1000)
    with pytest.raises(FetchError, match="longer than the expected 1000 bytes"):
        fetch("model")
    changed(without_pip, "model", member="model/other.bin")
    with pytest.raises(FetchError, match=r"model-2.0-py3-none-any.whl: model/other.bin is not in it"):
        fetch("model")
    assert leftovers(tmp_path) == []


def test_without_an_index_one_line_says_so(offered, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(FetchError, match=r"poems==1\.0 could not be fetched: the package index does"):
        fetch("poems")
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/")
    with pytest.raises(FetchError, match="no connection to the package index"):
        fetch("poems")
    assert leftovers(tmp_path) == []


def test_without_pip_one_line_says_so(offered, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minillama.data.fetch.sys.executable", "/bin/false")
    with pytest.raises(FetchError, match="pip did not say why"):
        fetch("poems")


def test_ctrl_c_leaves_nothing(offered, tmp_path: Path) -> None:
    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch("model", interrupt)
    assert leftovers(tmp_path) == []


def test_a_full_disk_leaves_what_was_there(
    without_pip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = fetch("model")
    path.write_bytes(b"older")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        fetch("model")
    assert leftovers(tmp_path) == ["model"]
    assert path.read_bytes() == b"older"


def test_a_truncated_archive_is_an_error(tmp_path: Path) -> None:
    for path, make in ((tmp_path / "a.whl", wheel), (tmp_path / "a.tar.gz", lambda p: source_archive(p, p))):
        path.write_bytes(make(path)[:200])
        with pytest.raises(FetchError, match="not a whole archive"):
            list(members(path, ["x"]))


def test_members_are_known_by_name_and_written_nowhere(tmp_path: Path) -> None:
    contents = {"../outside.txt": b"1", "/etc/outside": b"2", "inside.txt": b"3", "inside.txt.bak": b"4"}
    write_tar(tmp_path / "a.tar.gz", contents)
    read = [(name, stream.read()) for name, stream in members(tmp_path / "a.tar.gz", ["inside.txt"])]
    assert read == [("inside.txt", b"3")]
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar.gz"]


def test_a_stream_is_read_no_further_than_allowed() -> None:
    assert b"".join(blocks(io.BytesIO(b"12345"), limit=5)) == b"12345"
    with pytest.raises(FetchError, match="longer than the expected 4 bytes"):
        list(blocks(io.BytesIO(b"12345"), limit=4))


def test_tidied_text_stays_so() -> None:
    assert tidied(POEM) == TIDY == tidied(TIDY)


def test_an_unknown_name_is_refused() -> None:
    for call in (cached, fetch):
        with pytest.raises(
            ValueError, match="there is no dataset 'milton': expected one of shakespeare, tokenizers"
        ):
            call("milton")


def test_the_pins_are_plain_names_and_whole_hashes() -> None:
    for dataset in datasets().values():
        assert dataset.about
        assert dataset.licence
        names = [file.to for file in dataset.files]
        assert len(set(names)) == len(names)
        assert dataset.entry in ("", *names)
        for name in names:
            assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", name)
        for pin in (*dataset.archives, *dataset.files):
            assert re.fullmatch("[0-9a-f]{64}", pin.sha256)
            assert pin.bytes > 0


def test_the_cache_is_where_it_is_asked_to_be(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MINILLAMA_CACHE", "~/somewhere")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert module.cache_dir() == tmp_path / "somewhere"
    monkeypatch.delenv("MINILLAMA_CACHE")
    assert module.cache_dir().name == "minillama"
    assert tmp_path in module.cache_dir().parents
