"""Reading the vocabulary of a GGUF file, the one-file format of llama.cpp.

A GGUF file begins with a table of keys and values, "metadata", before any weights; numbers are
little-endian. Only this table is read here;
`minillama.checkpoints.gguf` goes on to the weights::

    "GGUF"  version u32  tensors u64  entries u64
    entry:  key  kind u32  value
    string: length u64, UTF-8            array: kind u32, length u64, values

Its keys ``tokenizer.ggml.*`` hold either SentencePiece's pieces and scores ("llama") or the tokens and
merges of byte-level BPE ("gpt2") with the name of a splitting pattern.

Sources: ``docs/gguf.md`` in ggml-org/ggml; the patterns in ggml-org/llama.cpp, ``src/llama-vocab.cpp``.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from mmap import mmap
from typing import Any

from minillama.tokenizer.alphabet import from_letters
from minillama.tokenizer.byte_level import ByteLevelBPE
from minillama.tokenizer.errors import TokenizerError
from minillama.tokenizer.pretokenize import PreTokenizer
from minillama.tokenizer.sentencepiece_bpe import Kind, Piece, Prefix, SentencePieceBPE
from minillama.tokenizer.tokenizer import Tokenizer

NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
"""Kinds of numbers, as letters of ``struct``."""
_STRING, _ARRAY = 8, 9
_U64 = struct.Struct("<Q")

MAX_ITEMS = 1 << 24
"""Longest array that is read; the largest vocabulary in use has 262,144 tokens."""

UNUSED = 5
SPACE_PREFIX = "minillama.space_prefix"
"""A key of our own: a space is put in front of a text only if it is missing there."""
KINDS: dict[int, Kind] = {1: "text", 2: "unknown", 3: "control", 4: "whole", 5: "control", 6: "byte"}
"""Types of tokens; 5 is unused."""

PATTERN_NAMES = {"llama-bpe": "llama3", "llama4": "llama4", "gpt-2": "gpt2", "smollm": "smollm"}
"""Our names of the patterns that we know."""


def read(data: bytes | mmap) -> Tokenizer:
    """Build a tokenizer from a GGUF file.

    Parameters
    ----------
    data
        The file; a memory map will do, since only its first part is looked at.

    Returns
    -------
    Tokenizer
        Encodes as llama.cpp does without ``parse_special``.

    Raises
    ------
    TokenizerError
        If the file is broken, or its vocabulary of a kind that is not read here.

    Examples
    --------
    >>> try:
    ...     read(b"GGUF" + struct.pack("<IQQ", 3, 0, 0))
    ... except TokenizerError as error:
    ...     print(error)
    tokenizer.ggml.model is missing; expected 'gpt2' or 'llama'
    """
    return from_metadata(read_metadata(data))


def read_metadata(data: bytes | mmap) -> dict[str, Any]:
    """Read the table at the beginning of a GGUF file.

    Examples
    --------
    >>> entry = struct.pack("<Q", 4) + b"kind" + struct.pack("<IIQ3H", 9, 2, 3, 7, 8, 9)
    >>> read_metadata(b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + entry)
    {'kind': [7, 8, 9]}
    """
    return read_header(data)[0]


def read_header(data: bytes | mmap) -> tuple[dict[str, Any], int, Reader]:
    """Read the metadata, and how many tensors are listed behind it; the reader returned stands there."""
    reader = Reader(data)
    if data[:4] != b"GGUF":
        raise TokenizerError(f"begins with {data[:4]!r}; expected b'GGUF'")
    version, tensors, entries = (
        reader.numbers("I", 1)[0],
        reader.numbers("Q", 1)[0],
        reader.numbers("Q", 1)[0],
    )
    if version not in (2, 3):
        raise TokenizerError(f"is GGUF version {version}; expected 2 or 3")
    table: dict[str, Any] = {}
    for _ in range(entries):  # ends with the file at the latest
        offset = reader.place
        key = reader.text()
        if key in table:
            raise TokenizerError(f"the key {key!r} at offset {offset} is there twice; expected it once")
        table[key] = reader.value(reader.numbers("I", 1)[0])
    return table, tensors, reader


def from_metadata(metadata: Mapping[str, Any]) -> Tokenizer:
    """Build a tokenizer from the metadata of a GGUF file.

    Parameters
    ----------
    metadata
        Keys and values, at least those beginning with ``tokenizer.ggml.``.

    Returns
    -------
    Tokenizer
        As from ``read``.

    Examples
    --------
    >>> table = {"model": "llama", "tokens": ["<unk>", "▁a"], "token_type": [2, 1], "scores": [0.0, 0.0]}
    >>> tok = from_metadata({f"tokenizer.ggml.{key}": value for key, value in table.items()})
    >>> tok.encode("a a")
    [1, 1]
    """
    family = metadata.get(_key("model"))
    if family not in ("gpt2", "llama"):
        found = "missing" if family is None else f"{family!r:.40}"
        raise TokenizerError(f"{_key('model')} is {found}; expected 'gpt2' or 'llama'")
    tokens = list(_list(metadata, "tokens", str))
    types = list(_list(metadata, "token_type", int)) if _key("token_type") in metadata else [1] * len(tokens)
    if len(types) != len(tokens) or not set(types) <= KINDS.keys():
        raise TokenizerError(
            f"{_key('token_type')} has {len(types)} entries of the types {sorted(set(types))[:9]}; expected"
            f" {len(tokens)} of {list(KINDS)}"
        )
    metadata = _without_padding(metadata, tokens, types)
    kinds = [KINDS[kind] for kind in types]
    # SentencePiece's algorithm cuts out whole pieces itself; with byte-level BPE the tokenizer does it.
    always = {name for name, kind in zip(tokens, kinds, strict=True) if kind == "whole" and family == "gpt2"}
    specials = {name: i for i, name in enumerate(tokens) if kinds[i] == "control" or name in always}
    names = {i: name for name, i in specials.items()}
    bos, eos = (_name(metadata, f"{which}_token_id", names) for which in ("bos", "eos"))
    build = _sentencepiece if family == "llama" else _byte_level
    return Tokenizer(build(metadata, tokens, kinds, specials), specials, bos, eos, always)


def padding_name(token_id: int) -> str:
    """Return the name of a token that is there only because the model has a row for it.

    Examples
    --------
    >>> padding_name(260)
    '[PAD260]'
    """
    return f"[PAD{token_id}]"


def _without_padding(metadata: Mapping[str, Any], tokens: list[str], types: list[int]) -> Mapping[str, Any]:
    """Take such tokens off the end of the lists; the scores are cut in a copy of the metadata."""
    length = len(tokens)
    while tokens and types[-1] == UNUSED and tokens[-1] == padding_name(len(tokens) - 1):
        tokens.pop()
        types.pop()
    scores = metadata.get(_key("scores"))
    if len(tokens) == length or not isinstance(scores, list) or len(scores) != length:
        return metadata
    return {**metadata, _key("scores"): scores[: len(tokens)]}


def _sentencepiece(
    metadata: Mapping[str, Any], tokens: list[str], kinds: list[Kind], specials: Mapping[str, int]
) -> SentencePieceBPE:
    """Build SentencePiece's algorithm."""
    scores = _list(metadata, "scores", float)
    if len(scores) != len(tokens) or not all(map(math.isfinite, scores)):
        raise TokenizerError(
            f"{_key('scores')} has {len(scores)} entries; expected {len(tokens)} finite ones"
        )
    pieces = [Piece(*row) for row in zip(tokens, scores, kinds, strict=True)]
    prefix: Prefix = "always" if metadata.get(_key("add_space_prefix"), True) else "never"
    return SentencePieceBPE(pieces, None, "missing" if metadata.get(SPACE_PREFIX) == "missing" else prefix)


def _byte_level(
    metadata: Mapping[str, Any], tokens: list[str], kinds: list[Kind], specials: Mapping[str, int]
) -> ByteLevelBPE:
    """Build byte-level BPE; LLaMA 3's words are looked up whole first, as llama.cpp does."""
    name = metadata.get(_key("pre"))
    if not isinstance(name, str) or name not in PATTERN_NAMES:
        raise TokenizerError(f"{_key('pre')} is {name!r:.40}; expected one of {', '.join(PATTERN_NAMES)}")
    id_of = {token: i for i, token in enumerate(tokens)}
    merges = []
    for i, merge in enumerate(_list(metadata, "merges", str)):
        left, _, right = merge.partition(" ")
        if left not in id_of or right not in id_of:
            raise TokenizerError(
                f"{_key('merges')}[{i}] is {merge!r:.60}; expected two tokens and a space between"
            )
        merges.append((id_of[left], id_of[right]))
    try:
        in_bytes = [b"" if token in specials else from_letters(token) for token in tokens]
    except KeyError as error:
        raise TokenizerError(f"a token has the character {error}; expected the letters of bytes") from None
    return ByteLevelBPE(in_bytes, merges, PreTokenizer(PATTERN_NAMES[name]), name == "llama-bpe", "drop")


def _name(metadata: Mapping[str, Any], key: str, names: Mapping[int, str]) -> str | None:
    """Name of the special token whose id stands under a key, if there is one."""
    token_id = metadata.get(_key(key))
    if token_id is not None and not isinstance(token_id, int):
        raise TokenizerError(f"{_key(key)} is a {type(token_id).__name__}; expected the id of a token")
    return None if token_id is None else names.get(token_id)


def _key(name: str) -> str:
    """Full name of a key."""
    return f"tokenizer.ggml.{name}"


def _list(metadata: Mapping[str, Any], name: str, kind: type) -> list[Any]:
    """Return a list whose items are all of one kind."""
    values = metadata.get(_key(name))
    if not isinstance(values, list) or not all(type(value) is kind for value in values):
        found = "missing" if values is None else f"a {type(values).__name__}"
        raise TokenizerError(f"{_key(name)} is {found}; expected a list of {kind.__name__}")
    return values


class Reader:
    """Reads a header's values one after another, and never beyond the end."""

    def __init__(self, data: bytes | mmap) -> None:
        self.data = data
        self.place = 4

    def numbers(self, letter: str, n: int) -> list[Any]:
        """Read ``n`` numbers of one kind."""
        size = struct.calcsize(f"<{letter}")
        self._need(n * size, f"{n} numbers")
        values = struct.unpack_from(f"<{n}{letter}", self.data, self.place)
        self.place += n * size
        return list(values)

    def text(self) -> str:
        """Read a string."""
        self._need(8, "the length of a string")
        (size,) = _U64.unpack_from(self.data, self.place)
        self.place += 8
        self._need(size, f"a string of {size} bytes")
        start = self.place
        self.place += size
        try:
            return self.data[start : self.place].decode()
        except UnicodeDecodeError as error:
            raise TokenizerError(f"is not UTF-8 at offset {start + error.start}; expected a string") from None

    def value(self, kind: int) -> Any:
        """Read a value of any kind; arrays of arrays occur in no known file."""
        if kind in NUMBERS:
            return self.numbers(NUMBERS[kind], 1)[0]
        if kind == _STRING:
            return self.text()
        if kind == _ARRAY:
            item, n = self.numbers("I", 1)[0], self.numbers("Q", 1)[0]
            if item in NUMBERS:
                self._need_items(n, struct.calcsize(f"<{NUMBERS[item]}"), "numbers")
                return self.numbers(NUMBERS[item], n)
            if item == _STRING:
                self._need_items(n, 8, "strings")
                return [self.text() for _ in range(n)]
            kind = item
        raise TokenizerError(f"has a value of kind {kind} before offset {self.place}; expected 0 to 12")

    def _need_items(self, n: int, size: int, what: str) -> None:
        """Make sure that an array can be there, and is no longer than any vocabulary."""
        self._need(n * size, f"{n} {what}")
        if n > MAX_ITEMS:
            raise TokenizerError(f"has {n} {what} before offset {self.place}; expected at most {MAX_ITEMS}")

    def _need(self, size: int, what: str) -> None:
        """Make sure that so many bytes are left, before anything is allocated for them."""
        left = len(self.data) - self.place
        if size > left:
            raise TokenizerError(f"ends at offset {len(self.data)}; expected {what} at offset {self.place}")
