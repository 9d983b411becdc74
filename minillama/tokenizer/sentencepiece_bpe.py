"""BPE as SentencePiece does it: the tokenizer of LLaMA 1 and 2, and of Mistral 7B.

Three things differ from byte-level BPE. The symbols are characters, and a space is the character
``▁`` (U+2581), put in front of the text as well. Words are not cut out first: pieces such as "▁▁▁"
may span several spaces. And a character that is no piece falls back to one token for each of its
UTF-8 bytes, or to "unknown" in a vocabulary without byte tokens. A text that holds a ``▁`` of its own
comes back with a space there: that is SentencePiece's own loss.

A vocabulary tells by scores which pieces to join first (a SentencePiece model: of all neighbours that
form a piece, those with the highest score), or by a list of merges (its copy in a ``tokenizer.json``).

Sources: Kudo and Richardson, arXiv 1808.06226; SentencePiece's ``src/bpe_model.cc``.
"""

import codecs
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import regex

from minillama.tokenizer.bpe import merge
from minillama.tokenizer.byte_level import CACHE_LENGTH, CACHE_WORDS
from minillama.tokenizer.errors import TokenizerError

Kind = Literal["text", "whole", "byte", "unknown", "control"]
Prefix = Literal["always", "missing", "never"]
SPACE = "▁"
BYTE_PIECE = regex.compile("<0x[0-9A-F]{2}>")
UNKNOWN_TEXT = " ⁇ "
"""What an unknown token is decoded as, unless the model says otherwise."""
EACH_BYTE = "minillama.each_byte"
"""Error handler of `bytes.decode`: a U+FFFD for each byte that is not UTF-8, as SentencePiece does."""


def _each_byte(error: UnicodeError) -> tuple[str, int]:
    """Return what stands for the bytes that are not UTF-8, and where to go on."""
    assert isinstance(error, UnicodeDecodeError)
    return "\ufffd" * (error.end - error.start), error.end


codecs.register_error(EACH_BYTE, _each_byte)


@dataclass(frozen=True)
class Piece:
    """A row of the vocabulary: text, score, and what kind of token it is.

    ``text``: made by merging. ``whole``: cut out wherever it stands in a text, before any merge.
    ``byte``: one byte, written "<0xE9>". ``unknown``: stands for any other character. ``control``: a
    special token.

    Examples
    --------
    >>> Piece("▁the", -13.0)
    Piece(text='▁the', score=-13.0, kind='text')
    """

    text: str
    score: float = 0.0
    kind: Kind = "text"


class SentencePieceBPE:
    """Encodes text by merging characters to pieces.

    Parameters
    ----------
    pieces
        The piece of each id.
    merges
        Rank of each pair of pieces that may be joined; None to go by the scores of the pieces.
    prefix
        Put a space in front of every text, so that its first word looks like any other? "missing": only
        if the text does not begin with one.
    unknown_text
        What the unknown token is decoded as.

    Raises
    ------
    TokenizerError
        If a piece is there twice, some but not all bytes are pieces, or there is neither a full set of
        bytes nor an unknown piece.

    Examples
    --------
    >>> pieces = [Piece("<unk>", kind="unknown"), Piece("▁a", -0.0), Piece("ab", -1.0), Piece("▁", -2.0)]
    >>> model = SentencePieceBPE([*pieces, Piece("a", -3.0), Piece("b", -4.0)])
    >>> [model.token_bytes(i).decode() for i in model.encode("ab a!")]
    [' a', 'b', ' a', ' ⁇ ']
    """

    decode_errors = EACH_BYTE

    def __init__(
        self,
        pieces: Sequence[Piece],
        merges: Mapping[tuple[str, str], int] | None = None,
        prefix: Prefix = "always",
        unknown_text: str = UNKNOWN_TEXT,
    ) -> None:
        self.pieces = list(pieces)
        self.merges = None if merges is None else dict(merges)
        self.prefix = prefix
        self.unknown_text = unknown_text
        self._id_of: dict[str, int] = {}
        seen: dict[str, int] = {}
        self._byte_ids: dict[int, int] = {}
        self._unknown_id: int | None = None
        for i, piece in enumerate(self.pieces):
            if seen.setdefault(piece.text, i) != i or not piece.text:
                raise TokenizerError(
                    f"pieces {seen[piece.text]} and {i} are both {piece.text!r}; expected all different"
                    if piece.text
                    else f"piece {i} is empty; expected some text"
                )
            self._enter(i, piece)
        if len(self._byte_ids) not in (0, 256) or not (self._byte_ids or self._unknown_id is not None):
            raise TokenizerError(
                f"has {len(self._byte_ids)} byte pieces and the unknown piece {self._unknown_id};"
                " expected all 256 bytes, or none and an unknown piece"
            )
        whole = sorted((p.text for p in self.pieces if p.kind == "whole"), key=len, reverse=True)
        self._whole = regex.compile("|".join(map(regex.escape, whole))) if whole else None
        self._words = regex.compile(_harmless_cuts([p.text for p in self.pieces if p.kind == "text"]))
        self._cache: dict[str, list[int]] = {}

    def _enter(self, i: int, piece: Piece) -> None:
        """Enter one piece into the look-up tables."""
        if piece.kind == "byte":
            if not BYTE_PIECE.fullmatch(piece.text):
                raise TokenizerError(f"piece {i} is the byte {piece.text!r}; expected '<0x00>' to '<0xFF>'")
            self._byte_ids[int(piece.text[3:5], 16)] = i
        elif piece.kind == "unknown":
            if self._unknown_id is not None:
                raise TokenizerError(f"pieces {self._unknown_id} and {i} are both unknown; expected one")
            self._unknown_id = i
        elif piece.kind != "control":
            self._id_of[piece.text] = i

    def __len__(self) -> int:
        return len(self.pieces)

    def encode(self, text: str) -> list[int]:
        """Encode text; a byte that was kept as a lone surrogate (``surrogateescape``) is that byte."""
        text = text.replace(" ", SPACE)
        if text and (self.prefix == "always" or (self.prefix == "missing" and text[0] != SPACE)):
            text = SPACE + text
        ids: list[int] = []
        end = 0
        for match in self._whole.finditer(text) if self._whole else ():
            ids += self._encode_stretch(text[end : match.start()])
            ids.append(self._id_of[match.group()])
            end = match.end()
        ids += self._encode_stretch(text[end:])
        return ids if self._byte_ids else self._without_repeats(ids)

    def token_bytes(self, token_id: int) -> bytes:
        """Bytes of one token."""
        piece = self.pieces[token_id]
        if piece.kind == "byte":
            return bytes([int(piece.text[3:5], 16)])
        if piece.kind == "unknown":
            return self.unknown_text.encode()
        return piece.text.replace(SPACE, " ").encode()

    def first_bytes(self, token_id: int) -> bytes:
        """Bytes of a token that begins a text: without the space that ``encode`` put there."""
        data = self.token_bytes(token_id)
        has_prefix = self.prefix != "never" and self.pieces[token_id].text.startswith(SPACE)
        return data[1:] if has_prefix else data

    def _encode_stretch(self, text: str) -> list[int]:
        """Encode a stretch of text in which nothing is cut out whole."""
        cache, ids = self._cache, []
        for word in self._words.findall(text):
            found = cache.get(word)
            if found is None:
                found = [i for symbol in merge(word, self._rule) for i in self._symbol_ids(symbol)]
                if len(word) <= CACHE_LENGTH:
                    if len(cache) >= CACHE_WORDS:
                        cache.clear()
                    cache[word] = found
            ids += found
        return ids

    def _rule(self, pair: tuple[str, str]) -> tuple[int | float, str] | None:
        """Rank of joining two neighbours, and what they become."""
        merged = pair[0] + pair[1]
        if self.merges is not None:
            rank = self.merges.get(pair)
            return None if rank is None else (rank, merged)
        i = self._id_of.get(merged)
        return None if i is None else (-self.pieces[i].score, merged)

    def _symbol_ids(self, symbol: str) -> list[int]:
        """Ids of what a merge has left: a piece, or a character that is none."""
        i = self._id_of.get(symbol)
        if i is not None:
            return [i]
        if self._byte_ids:
            return [self._byte_ids[byte] for byte in symbol.encode("utf-8", errors="surrogateescape")]
        assert self._unknown_id is not None
        return [self._unknown_id]

    def _without_repeats(self, ids: list[int]) -> list[int]:
        """Leave one of several unknown tokens in a row, as SentencePiece does."""
        unknown = self._unknown_id
        return [i for n, i in enumerate(ids) if i != unknown or n == 0 or ids[n - 1] != unknown]


def _harmless_cuts(texts: list[str]) -> str:
    """Pattern that cuts a text only where no piece spans the cut, so that the parts can be remembered."""
    if any(regex.search(f"[^{SPACE}]{SPACE}", text) for text in texts):
        return "(?s).+"
    line_feed = "" if any("\n" in text for text in texts if len(text) > 1) else "\n"
    return f"{SPACE}*[^{SPACE}{line_feed}]+|{SPACE}+|\n+"
