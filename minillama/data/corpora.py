"""Reading text to train on: the reader's own files, or what `fetch` has brought.

UTF-8 is taken as it is written: broken bytes are an error with file and offset, never a silent question
mark. Left out: other encodings, mark-up, and files too large for memory.
"""

from __future__ import annotations

from pathlib import Path

from .datasets import cached, fetch

__all__ = ["CorpusError", "cached", "fetch", "read_corpus"]

SUFFIXES = (".txt", ".md")
BOM = b"\xef\xbb\xbf"  # the byte order mark that some editors write before UTF-8


class CorpusError(ValueError):
    """A text cannot be read; the message names the file, and for broken UTF-8 the byte offset."""


def read_corpus(path: str | Path) -> list[str]:
    r"""Read a text file, or every .txt and .md file in a folder and its subfolders.

    Parameters
    ----------
    path : path
        A file of any name, or a folder. Files and folders whose names begin with a dot are passed over.

    Returns
    -------
    list of str
        One document per file, in the order of their paths, without those that hold only white space.
        Line ends are "\n".

    Raises
    ------
    CorpusError
        If nothing is there, it cannot be read, is not UTF-8, or holds no text.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "b.txt").write_bytes(b"two\r\n")
    ...     _ = Path(folder, "a.md").write_bytes(b"one\n")
    ...     read_corpus(folder)
    ['one\n', 'two\n']
    """
    root = Path(path)
    try:
        files = _files(root)
        documents = [_read(file) for file in files]
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise CorpusError(f"{error.filename or root}: cannot be read ({reason})") from None
    documents = [text for text in documents if text.strip()]
    if not documents:
        raise CorpusError(f"{root}: no text in it, only white space; expected something to learn from")
    return documents


def _files(root: Path) -> list[Path]:
    """List the text files that a path stands for."""
    if root.is_file():
        return [root]
    if not root.is_dir():
        what = "neither a file nor a folder" if root.exists() else "there is no such file or folder"
        raise CorpusError(f"{root}: {what}")
    next(root.iterdir(), None)  # raises if the folder may not be read, where rglob would find nothing
    found = sorted(
        file
        for file in root.rglob("*")
        if file.suffix.lower() in SUFFIXES
        and file.is_file()
        and not any(part.startswith(".") for part in file.relative_to(root).parts)
    )
    if not found:
        raise CorpusError(f"{root}: no text files in this folder; expected names that end in .txt or .md")
    return found


def _read(file: Path) -> str:
    """Read one file as UTF-8."""
    data = file.read_bytes()
    start = len(BOM) if data.startswith(BOM) else 0
    try:
        text = data[start:].decode("utf-8")
    except UnicodeDecodeError as error:
        offset = start + error.start
        raise CorpusError(
            f"{file}: not UTF-8 at byte offset {offset} (0x{data[offset]:02x}, {error.reason});"
            " convert the file, for example with `iconv -f latin1 -t utf-8`"
        ) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")
