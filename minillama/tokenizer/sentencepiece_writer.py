"""Writing SentencePiece ``.model`` files: the encoding of `sentencepiece_model`, the other way round.

A vocabulary that came from a ``tokenizer.json`` has merges in place of scores. Where the merges are every way
to put each piece together, piece after piece, the pieces' order says the same as scores do, and is written as
such: 0, -1, -2, ...
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import pairwise

from minillama.tokenizer.hf_json_writer import all_splits
from minillama.tokenizer.sentencepiece_bpe import Kind, SentencePieceBPE
from minillama.tokenizer.tokenizer import Tokenizer

TYPES: dict[Kind, int] = {"text": 1, "unknown": 2, "control": 3, "whole": 4, "byte": 6}
"""The types of a piece, as SentencePiece and GGUF number them."""
BPE = 2  # model_type


def write(tokenizer: Tokenizer) -> bytes:
    """Write a tokenizer as the contents of a SentencePiece model, which its library loads.

    Parameters
    ----------
    tokenizer
        One that does SentencePiece's BPE.

    Returns
    -------
    bytes

    Raises
    ------
    ValueError
        If it is of another kind, or has what the format cannot express: it is named.

    Examples
    --------
    >>> from minillama.tokenizer.sentencepiece_bpe import Piece
    >>> pieces = [Piece("<unk>", kind="unknown"), Piece("▁a"), Piece("▁", -1), Piece("a", -2)]
    >>> write(Tokenizer(SentencePieceBPE(pieces), {})).count("▁a".encode())
    1
    """
    model, scores = checked(tokenizer)
    if model.prefix == "missing":
        raise ValueError(
            "the tokenizer puts a space in front of a text only if there is none, which a SentencePiece"
            " model cannot express; expected always or never"
        )
    out = bytearray()
    for piece, score in zip(model.pieces, scores, strict=True):
        inner = _bytes(1, piece.text.encode()) + _float(2, score) + _number(3, TYPES[piece.kind])
        out += _bytes(1, inner)
    names = tokenizer.specials.names
    unknown = next((i for i, piece in enumerate(model.pieces) if piece.kind == "unknown"), None)
    trainer = _number(3, BPE) + _number(4, len(model.pieces))
    trainer += _number(35, int(any(piece.kind == "byte" for piece in model.pieces)))
    for token_id, number, name_number in (
        (unknown, 40, 45),
        (tokenizer.bos_id, 41, 46),
        (tokenizer.eos_id, 42, 47),
        (None, 43, 48),
    ):
        trainer += _number(number, -1 if token_id is None else token_id)
        name = "" if token_id is None else names.get(token_id, model.pieces[token_id].text)
        trainer += _bytes(name_number, name.encode())
    trainer += _bytes(44, model.unknown_text.encode())
    normalizer = _bytes(1, b"identity") + _number(3, int(model.prefix == "always")) + _number(4, 0)
    return bytes(out + _bytes(2, trainer) + _bytes(3, normalizer + _number(5, 1)))


def checked(tokenizer: Tokenizer) -> tuple[SentencePieceBPE, list[float]]:
    """Return the algorithm and the score of every piece; ValueError if scores cannot express it."""
    model = tokenizer.model
    if not isinstance(model, SentencePieceBPE):
        raise ValueError(f"the tokenizer is a {type(model).__name__}; expected SentencePiece's BPE")
    if tokenizer.specials.always:
        raise ValueError(
            f"{min(tokenizer.specials.always)!r} is recognised in text before SentencePiece sees it, which"
            " its vocabulary cannot express; expected special tokens alone"
        )
    if tokenizer.specials.ids != {p.text: i for i, p in enumerate(model.pieces) if p.kind == "control"}:
        raise ValueError("the special tokens are not the control pieces; expected the same")
    return model, list(_scores(model))


def _scores(model: SentencePieceBPE) -> Iterator[float]:
    """Yield the score of every piece; of those that merges lead to, the earlier ones first."""
    if model.merges is None:
        yield from (piece.score for piece in model.pieces)
        return
    merges = sorted(model.merges, key=model.merges.__getitem__)
    order = {text: -rank for rank, text in enumerate(dict.fromkeys(left + right for left, right in merges))}
    runs = [left + right for left, right in merges]
    in_turn = all(order[a] >= order[b] for a, b in pairwise(runs))
    texts = {piece.text: i for i, piece in enumerate(model.pieces) if piece.kind == "text"}
    if not in_turn or set(merges) != set(all_splits(texts, texts)):
        raise ValueError(
            "the tokenizer's merges are not every way to put its pieces together, one piece after another;"
            " scores cannot express them. Keep the tokenizer.json"
        )
    yield from (float(order.get(piece.text, -len(order))) for piece in model.pieces)


def _varint(value: int) -> bytes:
    """Encode a number, 7 bits a byte; a negative one as two's complement of 64 bits."""
    value &= (1 << 64) - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _float(field: int, value: float) -> bytes:
    return _varint(field << 3 | 5) + struct.pack("<f", value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value
