"""``Tokenizer``: text to ids and back, with the same few methods whatever the vocabulary's origin.

The algorithms are in ``byte_level`` and ``sentencepiece_bpe``, special tokens in ``special_tokens``, the
file formats in modules of their own. Left out: chat templates, and offsets of tokens in the text.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from minillama.tokenizer.bpe import train_bpe
from minillama.tokenizer.byte_level import ByteLevelBPE
from minillama.tokenizer.pretokenize import PreTokenizer, check_text, count_words
from minillama.tokenizer.special_tokens import SpecialTokens

BEGIN, END = "<|begin|>", "<|end|>"


@runtime_checkable
class Model(Protocol):
    """What ``Tokenizer`` needs of an algorithm."""

    decode_errors: str  # error handler of `bytes.decode`: what becomes of bytes that are not UTF-8

    def __len__(self) -> int:
        """Count the ids, including those left to special tokens."""

    def encode(self, text: str) -> list[int]:
        """Encode text without special tokens."""

    def token_bytes(self, token_id: int) -> bytes:
        """Bytes of one token."""

    def first_bytes(self, token_id: int) -> bytes:
        """Bytes of a token that begins a text; SentencePiece takes away the space that it put there."""


class Tokenizer:
    """Text to token ids and back.

    Parameters
    ----------
    model
        The algorithm and its vocabulary.
    special_tokens
        Name and id of each special token; the model leaves these ids alone.
    bos, eos
        Names of the tokens that begin and end a text, or None if the vocabulary has no such token.
    always_special
        Names of tokens that are recognised in text without being asked for (a ``tokenizer.json`` may
        have such added tokens; our own never has).

    Notes
    -----
    Ids of a vocabulary from ``train``: 256 single bytes in the order of ``BYTE_ORDER``, merged tokens
    in the order learnt, special tokens last.

    Examples
    --------
    >>> tok = Tokenizer.train(["the cat sat on the mat, the cat sat"], vocab_size=265)
    >>> ids = tok.encode("the cat", bos=True)
    >>> [tok.token_bytes(i) for i in ids]
    [b'<|begin|>', b'the', b' cat']
    >>> tok.decode(ids)
    'the cat'
    """

    def __init__(
        self,
        model: Model,
        special_tokens: Mapping[str, int],
        bos: str | None = None,
        eos: str | None = None,
        always_special: Collection[str] = (),
    ) -> None:
        self.model = model
        self.specials = SpecialTokens(special_tokens, bos, eos, always_special)
        outside = [i for i in self.specials.names if not 0 <= i < len(model)]
        if outside:
            raise ValueError(f"a special token has id {outside[0]}; expected 0 to {len(model) - 1}")

    @property
    def special_tokens(self) -> dict[str, int]:
        """Id of each special token, by name."""
        return dict(self.specials.ids)

    @property
    def bos_id(self) -> int | None:
        """Id of the special token that begins a text, or None if the vocabulary has none."""
        return self.specials.bos_id

    @property
    def eos_id(self) -> int | None:
        """Id of the special token that ends a text, or None if the vocabulary has none."""
        return self.specials.eos_id

    @property
    def vocab_size(self) -> int:
        """Number of ids, special tokens included: the rows of a model's embedding table."""
        return len(self.model)

    def __repr__(self) -> str:
        kind = type(self.model).__name__
        return f"Tokenizer({kind}, vocab_size={self.vocab_size}, bos_id={self.bos_id}, eos_id={self.eos_id})"

    @classmethod
    def train(
        cls,
        texts: Iterable[str],
        vocab_size: int,
        special_tokens: Sequence[str] = (BEGIN, END),
        pattern: str | Sequence[str] = "llama3",
    ) -> "Tokenizer":
        """Learn a byte-level BPE vocabulary from texts.

        The result depends only on how often each word occurs: the same texts in another order give
        the same vocabulary. See ``train_bpe`` for how ties are decided.

        Parameters
        ----------
        texts
            Any iterable of str; read once, and never held as a whole.
        vocab_size
            Number of ids wanted, special tokens included. When every word of the texts has become a
            single token there is nothing left to merge, and the vocabulary stays smaller: the result's
            ``vocab_size`` is the number to build a model with.
        special_tokens
            Names of the special tokens. The first begins a text (bos), the second ends it (eos).
        pattern
            Where to cut words: a name of ``PATTERNS`` or regular expressions.

        Returns
        -------
        Tokenizer
            With ``256 + merges + len(special_tokens)`` ids.

        Raises
        ------
        ValueError
            If the vocabulary is smaller than the bytes and special tokens, or the texts are empty.

        Examples
        --------
        >>> tok = Tokenizer.train(["low lower lowest " * 10], vocab_size=300)
        >>> tok.vocab_size, [tok.token_bytes(i) for i in tok.encode("lowest low")]
        (265, [b'low', b'e', b'st', b' low'])
        """
        specials = list(special_tokens)
        if len(specials) < 2 or len(set(specials)) < len(specials) or not all(specials):
            raise ValueError(
                f"special_tokens is {special_tokens!r}; expected at least two different names:"
                " the first begins a text, the second ends it"
            )
        smallest = 256 + len(specials)
        if vocab_size < smallest:
            raise ValueError(
                f"vocab_size is {vocab_size}; expected at least {smallest}: 256 single bytes and"
                f" {len(specials)} special tokens. Choose a larger one, such as 512"
            )
        pretokenizer = PreTokenizer(pattern)
        tokens, merges = train_bpe(count_words(texts, pretokenizer), vocab_size - len(specials))
        names = {name: len(tokens) + i for i, name in enumerate(specials)}
        tokens += [b""] * len(specials)
        return cls(ByteLevelBPE(tokens, merges, pretokenizer), names, specials[0], specials[1])

    def encode(
        self,
        text: str,
        bos: bool = False,
        eos: bool = False,
        allowed_special: Collection[str] | Literal["all"] = (),
    ) -> list[int]:
        """Encode text as token ids.

        Parameters
        ----------
        text
            Any text. The name of a special token is text like any other, unless allowed.
        bos, eos
            Put the special token that begins a text in front, the one that ends it behind.
        allowed_special
            Special tokens to recognise in the text, by name; "all" for all. Only for text that you
            wrote yourself.

        Returns
        -------
        list of int
            Ids below ``vocab_size``.

        Raises
        ------
        ValueError
            If the text holds a lone surrogate, which no encoding can express, if a special token is
            unknown, or if the vocabulary has no such token to begin or end with.

        Examples
        --------
        >>> tok = Tokenizer.train(["to be or not to be"], vocab_size=262)
        >>> tok.encode("to be", bos=True, eos=True) == [tok.bos_id, *tok.encode("to be"), tok.eos_id]
        True
        >>> len(tok.encode("<|end|>")), len(tok.encode("<|end|>", allowed_special="all"))
        (7, 1)
        """
        check_text(text)
        ids = [self.specials.required("bos")] if bos else []
        for piece in self.specials.cut(text, allowed_special):
            ids += [piece] if isinstance(piece, int) else self.model.encode(piece)
        if eos:
            ids.append(self.specials.required("eos"))
        return ids

    def encode_bytes(self, data: bytes) -> list[int]:
        r"""Encode any bytes, UTF-8 or not; ``decode_bytes`` gives exactly them back.

        Examples
        --------
        >>> tok = Tokenizer.train(["to be or not to be"], vocab_size=262)
        >>> tok.decode_bytes(tok.encode_bytes(b"to \xff be"))
        b'to \xff be'
        """
        return self.encode(data.decode("utf-8", errors="surrogateescape"))

    def decode(self, ids: Iterable[int], skip_special: bool = True) -> str:
        """Turn ids back into text; bytes that are not UTF-8 become U+FFFD.

        How many, follows the library that the vocabulary is of: byte-level ones write one for a character
        that was cut short, SentencePiece one for each byte. (``tokenizers``, given SentencePiece's bytes in
        a ``tokenizer.json``, replaces the whole run of byte tokens, with the valid characters in it.)

        Parameters
        ----------
        ids
            Any ids of the vocabulary, in any order.
        skip_special
            Leave special tokens out, so that ``decode(encode(text, bos=True)) == text``. Otherwise they
            appear by name.

        Returns
        -------
        str
            The text.

        Raises
        ------
        ValueError
            If an id is not in the vocabulary.

        Examples
        --------
        >>> tok = Tokenizer.train(["to be or not to be"], vocab_size=262)
        >>> tok.decode(tok.encode("to be", eos=True), skip_special=False)
        'to be<|end|>'
        """
        return self.decode_bytes(ids, skip_special).decode("utf-8", self.model.decode_errors)

    def decode_bytes(self, ids: Iterable[int], skip_special: bool = True) -> bytes:
        r"""Turn ids back into the exact bytes; parameters as for ``decode``.

        Examples
        --------
        >>> tok = Tokenizer.train(["to be or not to be"], vocab_size=262)
        >>> tok.decode_bytes(tok.encode("é")[:1])
        b'\xc3'
        """
        tokens: list[bytes] = []
        of_token = self.model.first_bytes
        for i in ids:
            name = self.specials.names.get(self._check_id(i))
            if name is None:
                tokens.append(of_token(i))
                of_token = self.model.token_bytes
            elif not skip_special:
                tokens.append(name.encode())
        return b"".join(tokens)

    def token_bytes(self, token_id: int) -> bytes:
        """Bytes of one token; a special token gives its name.

        Examples
        --------
        >>> tok = Tokenizer.train(["to be or not to be"], vocab_size=262)
        >>> tok.token_bytes(tok.encode(" be")[0]), tok.token_bytes(tok.eos_id)
        (b' be', b'<|end|>')
        """
        name = self.specials.names.get(self._check_id(token_id))
        return self.model.token_bytes(token_id) if name is None else name.encode()

    @classmethod
    def load(cls, path: str | Path) -> "Tokenizer":
        """Read a tokenizer file; its content, not its name, says which kind it is.

        Parameters
        ----------
        path
            A ``tokenizer.json``, a SentencePiece ``.model``, a rank file of LLaMA 3 or 4, or a ``.gguf``.
            In a directory, ``tokenizer.json`` or else ``tokenizer.model`` is read.

        Returns
        -------
        Tokenizer
            Encodes as the library that the file was written for.

        Raises
        ------
        TokenizerError
            If the file is missing, broken, or asks for something that is not supported here.

        Examples
        --------
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Tokenizer.train(["to be"], vocab_size=260).save(f"{folder}/tokenizer.json")
        ...     Tokenizer.load(f"{folder}/tokenizer.json")
        Tokenizer(ByteLevelBPE, vocab_size=260, bos_id=258, eos_id=259)
        """
        from minillama.tokenizer.files import load_tokenizer

        return load_tokenizer(Path(path))

    def save(self, path: str | Path) -> None:
        """Write a ``tokenizer.json`` that the ``tokenizers`` library loads too.

        The file appears under its name only when it is complete; an existing one is replaced.

        Examples
        --------
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Tokenizer.train(["to be"], vocab_size=260).save(f"{folder}/tokenizer.json")
        """
        from minillama.tokenizer.files import save_tokenizer

        save_tokenizer(self, Path(path))

    def to_json(self) -> str:
        r"""Give the contents that ``save`` writes.

        Examples
        --------
        >>> Tokenizer.train(["to be"], vocab_size=260).to_json()[:19]
        '{\n "version": "1.0"'
        """
        from minillama.tokenizer.hf_json_writer import write

        return write(self)

    @classmethod
    def from_json(cls, text: str) -> "Tokenizer":
        """Read what ``to_json`` gave, or the text of any ``tokenizer.json``.

        Examples
        --------
        >>> Tokenizer.from_json(Tokenizer.train(["to be"], vocab_size=260).to_json())
        Tokenizer(ByteLevelBPE, vocab_size=260, bos_id=258, eos_id=259)
        """
        from minillama.tokenizer.hf_json import read

        return read(text.encode(errors="surrogatepass"))

    def _check_id(self, token_id: int) -> int:
        """Return the id if it is one of ours; negative ones would otherwise count from the end."""
        if not 0 <= token_id < self.vocab_size:
            raise ValueError(
                f"token id is {token_id}; expected 0 to {self.vocab_size - 1}."
                " Do model and tokenizer belong together?"
            )
        return token_id
