"""Reading and writing tokenizer files: which kind is it, is it of a sane size, and whose fault is a fault.

The readers of the formats get bytes and know no path; the name of the file joins their message here.
Files are untrusted: nothing in them is executed, and sizes are checked before anything is allocated.
"""

import os
import re
import tempfile
from mmap import ACCESS_READ, mmap
from pathlib import Path

from minillama.tokenizer import gguf_vocab, hf_json, sentencepiece_model, tiktoken_ranks
from minillama.tokenizer.errors import TokenizerError
from minillama.tokenizer.tokenizer import Tokenizer

MAX_FILE_BYTES = 256 << 20
"""Largest file that is read; the largest vocabulary in use (Gemma's, 262,144 tokens) needs 33 MB."""

_RANK_LINE = re.compile(rb"[A-Za-z0-9+/]+=* \d+\s")
_EXPECTED = "expected a tokenizer.json, a SentencePiece .model, a rank file or a .gguf"


def load_tokenizer(path: Path) -> Tokenizer:
    """Read a tokenizer file of any known kind; ``Tokenizer.load`` describes it.

    Examples
    --------
    >>> load_tokenizer(Path("no-such-file"))
    Traceback (most recent call last):
    ...
    minillama.tokenizer.errors.TokenizerError: no-such-file: no such file; expected a tokenizer file
    """
    try:
        if path.is_dir():
            meta = path / "tokenizer.model"
            path = (
                meta if meta.is_file() and not (path / "tokenizer.json").exists() else path / "tokenizer.json"
            )
        return _read(path)
    except FileNotFoundError:
        raise TokenizerError(f"{path}: no such file; expected a tokenizer file") from None
    except OSError as error:
        raise TokenizerError(f"{path}: cannot be read: {error.strerror}; expected a tokenizer file") from None
    except ValueError as error:
        raise TokenizerError(f"{path}: {error}") from None


def _read(path: Path) -> Tokenizer:
    """Choose the reader by the first bytes."""
    with path.open("rb") as file:
        if file.read(4) == b"GGUF":  # with all the weights of a model: map it, do not read it
            with mmap(file.fileno(), 0, access=ACCESS_READ) as mapped:
                return gguf_vocab.read(mapped)
    data = _contents(path)
    if data.lstrip()[:1] == b"{":
        config = path.with_name("tokenizer_config.json")
        return hf_json.read(data, _contents(config) if config.is_file() else None)
    if _RANK_LINE.match(data):
        return tiktoken_ranks.read(data)
    if data[:1] == b"\n":  # field 1 of wire type 2: a piece
        return sentencepiece_model.read(data)
    raise TokenizerError(f"begins with {data[:8]!r}; {_EXPECTED}")


def _contents(path: Path) -> bytes:
    """Read a file whole, if it is not too large."""
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise TokenizerError(f"has {size:,} bytes; expected a tokenizer file of at most {MAX_FILE_BYTES:,}")
    return path.read_bytes()


def save_tokenizer(tokenizer: Tokenizer, path: Path) -> None:
    """Write a ``tokenizer.json`` under a temporary name beside ``path``, then give it its name.

    Examples
    --------
    >>> folder = Path(tempfile.mkdtemp())
    >>> save_tokenizer(Tokenizer.train(["to be"], vocab_size=260), folder / "tokenizer.json")
    >>> [file.name for file in folder.iterdir()]
    ['tokenizer.json']
    """
    data = tokenizer.to_json().encode()
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
