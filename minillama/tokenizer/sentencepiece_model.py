"""Reading SentencePiece ``.model`` files, which are Protocol Buffers, with a parser of 40 lines.

A message is a row of fields, each a *tag* and a value. The tag is a varint: field number times 8, plus
the wire type. A varint holds 7 bits a byte, the low ones first, and goes on while the top bit is set::

    0a 0e              field 1, wire type 2: 14 bytes follow, a piece
       0a 05 e2 96 81 61 62    field 1, wire type 2: 5 bytes, "▁ab"
       15 00 00 60 c1          field 2, wire type 5: float32, -14.0
       18 01                   field 3, wire type 0: varint, 1 (normal)

Read here: BPE models that leave the text as it is ("identity"). Left out, and refused by name: unigram
models, normalisation tables, squeezing of spaces, unused pieces.

Sources: the encoding at protobuf.dev; the field numbers in SentencePiece's ``sentencepiece_model.proto``.
"""

import math
import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

from minillama.tokenizer.errors import TokenizerError
from minillama.tokenizer.sentencepiece_bpe import UNKNOWN_TEXT, Kind, Piece, Prefix, SentencePieceBPE
from minillama.tokenizer.tokenizer import Tokenizer

KINDS: dict[int, Kind] = {1: "text", 2: "unknown", 3: "control", 4: "whole", 6: "byte"}
"""What the types of a piece mean; 5 is an unused piece."""
_VARINT, _DOUBLE, _BYTES, _FLOAT = 0, 1, 2, 5  # wire types
_FIXED = {_DOUBLE: 8, _FLOAT: 4}


def read(data: bytes) -> Tokenizer:
    r"""Build a tokenizer from the contents of a SentencePiece model.

    Parameters
    ----------
    data
        The file.

    Returns
    -------
    Tokenizer
        Encodes as the ``sentencepiece`` library does.

    Raises
    ------
    TokenizerError
        If the file is broken or wants what is left out here.

    Examples
    --------
    >>> try:
    ...     read(b"\x0a\x09\x0a\x03<un")
    ... except TokenizerError as error:
    ...     print(error)
    field 1 at offset 0 has 9 bytes; expected at most the 5 that are left
    """
    pieces: list[Piece] = []
    trainer: dict[int, Any] = {}
    normalizer: dict[int, Any] = {}
    for field in _fields(data, range(len(data))):
        if field.number == 1:
            pieces.append(_piece(data, _span(field), len(pieces)))
        elif field.number in (2, 3):
            message = {inner.number: inner.value for inner in _fields(data, _span(field))}
            (trainer if field.number == 2 else normalizer).update(message)
    _refuse_unsupported(trainer, normalizer)
    text = trainer.get(44)
    unknown_text = UNKNOWN_TEXT if text is None else _text(data, _Field(0, 44, text))
    prefix: Prefix = "never" if normalizer.get(3, 1) == 0 else "always"
    model = SentencePieceBPE(pieces, None, prefix, unknown_text)
    names = {i: piece.text for i, piece in enumerate(pieces) if piece.kind == "control"}
    specials = {name: i for i, name in names.items()}
    return Tokenizer(model, specials, names.get(trainer.get(41, 1)), names.get(trainer.get(42, 2)))


def _refuse_unsupported(trainer: dict[int, Any], normalizer: dict[int, Any]) -> None:
    """Refuse models that would be encoded differently from what is done here."""
    if normalizer.get(2, range(0)) != range(0):
        raise TokenizerError("has a normalisation table (precompiled_charsmap); expected none, as in LLaMA")
    wanted = [
        ("the model type", trainer.get(3, 1), 2, "BPE"),
        ("treat_whitespace_as_suffix", trainer.get(24, 0), 0, "false"),
        ("remove_extra_whitespaces", normalizer.get(4, 1), 0, "false"),
        ("escape_whitespaces", normalizer.get(5, 1), 1, "true"),
    ]
    for name, found, expected, meaning in wanted:
        if found != expected:
            raise TokenizerError(f"{name} is {found}; expected {expected} ({meaning}), as in LLaMA")


def _piece(data: bytes, span: range, i: int) -> Piece:
    """Read one piece."""
    text, score, kind = "", 0.0, KINDS[1]
    for field in _fields(data, span):
        if field.number == 1:
            text = _text(data, field)
        elif field.number == 2:
            score = field.value if isinstance(field.value, float) else math.nan
        elif field.number == 3:
            if field.value not in KINDS:
                found = field.value if isinstance(field.value, int) else "bytes"
                raise TokenizerError(f"piece {i} has type {found}; expected one of {list(KINDS)}")
            kind = KINDS[field.value]
    if not math.isfinite(score):
        raise TokenizerError(f"piece {i} at offset {span.start} has no finite float32 as score; expected one")
    return Piece(text, score, kind)


class _Field(NamedTuple):
    """A field of a message; the value is a number, or of bytes the span where they stand in the file."""

    offset: int
    number: int
    value: Any


def _span(field: _Field) -> range:
    """Where the bytes of a field stand."""
    if not isinstance(field.value, range):
        raise TokenizerError(f"field {field.number} at offset {field.offset} is a number; expected bytes")
    return field.value


def _text(data: bytes, field: _Field) -> str:
    """Read a string."""
    span = _span(field)
    try:
        return data[span.start : span.stop].decode()
    except UnicodeDecodeError as error:
        raise TokenizerError(
            f"is not UTF-8 at offset {span.start + error.start}; expected a string"
        ) from None


def _fields(data: bytes, span: range) -> Iterator[_Field]:
    """Yield the fields of the message that stands at ``span``."""
    place = span.start
    while place < span.stop:
        offset = place
        tag, place = _varint(data, place, span.stop)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value, place = _varint(data, place, span.stop)
            yield _Field(offset, number, value)
            continue
        if wire == _BYTES:
            size, place = _varint(data, place, span.stop)
        elif wire in _FIXED:
            size = _FIXED[wire]
        else:
            raise TokenizerError(f"has wire type {wire} at offset {offset}; expected 0, 1, 2 or 5")
        left = span.stop - place
        if size > left:
            raise TokenizerError(
                f"field {number} at offset {offset} has {size} bytes; expected at most the {left}"
                " that are left"
            )
        is_float = wire == _FLOAT
        yield _Field(
            offset,
            number,
            struct.unpack_from("<f", data, place)[0] if is_float else range(place, place + size),
        )
        place += size


def _varint(data: bytes, place: int, stop: int) -> tuple[int, int]:
    """Read a number of 7 bits a byte; return it and the place after it."""
    value = 0
    for i in range(place, min(place + 10, stop)):
        value |= (data[i] & 0x7F) << 7 * (i - place)
        if data[i] < 0x80:
            return value, i + 1
    raise TokenizerError(f"the number at offset {place} does not end; expected at most 10 bytes")
