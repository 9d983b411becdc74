"""Byte-level BPE: text -> words -> UTF-8 bytes -> merges -> ids. The tokenizer of GPT-2, LLaMA 3, and ours.

Because every one of the 256 bytes is a token, there is no text that cannot be written and no
"unknown" token. (Some real vocabularies leave out bytes that their training text did not have: SmolLM2
has no token for 21 of them, mostly control characters. The libraries drop such a byte without a word.
So do we, for such files.) Special tokens are the business of ``Tokenizer``; files that of the readers.

A vocabulary comes in one of two kinds. A list of merges says which *pairs* may be joined, in which
order (``tokenizer.json``). A rank file, as for ``tiktoken``, lists only tokens: any two neighbours may
be joined if together they are a token, and the token's id is its rank.

Sources: Radford et al., "Language Models are Unsupervised Multitask Learners" (2019), section 2.2;
OpenAI's ``tiktoken``, ``src/lib.rs``.
"""

from collections.abc import Sequence
from typing import Literal

from minillama.tokenizer.bpe import Pair, merge
from minillama.tokenizer.errors import TokenizerError
from minillama.tokenizer.pretokenize import PreTokenizer

CACHE_WORDS = 1 << 16
"""Words whose ids are remembered; with ``CACHE_LENGTH``, some tens of megabytes at most."""
CACHE_LENGTH = 64
"""Characters of the longest word that is remembered."""


class ByteLevelBPE:
    """Encodes text, given the tokens and what may be merged.

    Parameters
    ----------
    tokens
        The bytes of each id. Empty bytes mark an id that no text leads to, such as a special token's.
    merges
        Pairs of ids in order of rank, or None for a rank vocabulary.
    pretokenizer
        Cuts the text into words.
    whole_words
        Look each word up in the vocabulary first, and merge only if it is not there (``ignore_merges``
        in a ``tokenizer.json``; always so in a rank vocabulary).
    missing_bytes
        What becomes of single bytes that are no tokens: "refuse" the vocabulary, "drop" them from the
        text, or the id that stands for them.

    Raises
    ------
    TokenizerError
        If a byte is missing and that is not allowed, a token is there twice, or a merge leads to no token.

    Examples
    --------
    >>> from minillama.tokenizer.alphabet import BYTE_ORDER
    >>> tokens = [bytes([byte]) for byte in BYTE_ORDER] + [b"he", b"ll"]
    >>> model = ByteLevelBPE(tokens, [(71, 68), (75, 75)], PreTokenizer())
    >>> [model.token_bytes(i) for i in model.encode("hello")]
    [b'he', b'll', b'o']
    """

    decode_errors = "replace"

    def __init__(
        self,
        tokens: Sequence[bytes],
        merges: Sequence[Pair] | None,
        pretokenizer: PreTokenizer,
        whole_words: bool = False,
        missing_bytes: Literal["refuse", "drop"] | int = "refuse",
    ) -> None:
        self.tokens = list(tokens)
        self.merges = None if merges is None else list(merges)
        self.pretokenizer = pretokenizer
        self.whole_words = whole_words or merges is None
        self.missing_bytes = missing_bytes
        self._id_of: dict[bytes, int] = {}
        for i, token in enumerate(self.tokens):
            first = self._id_of.setdefault(token, i) if token else i
            if first != i:
                raise TokenizerError(f"ids {first} and {i} are both {token!r}; expected each token once")
        missing = [byte for byte in range(256) if bytes([byte]) not in self._id_of]
        if missing and missing_bytes == "refuse":
            raise TokenizerError(
                f"{len(missing)} of the 256 single bytes are no tokens, the first is {missing[0]:#04x};"
                " expected all of them in a byte-level vocabulary"
            )
        substitute = missing_bytes if isinstance(missing_bytes, int) else None
        self._byte_ids = [self._id_of.get(bytes([byte]), substitute) for byte in range(256)]
        self._rules = {} if self.merges is None else self._number(self.merges)
        self._cache: dict[str, list[int]] = {}

    def __len__(self) -> int:
        return len(self.tokens)

    def encode(self, text: str) -> list[int]:
        """Encode text; a byte that was kept as a lone surrogate (``surrogateescape``) is that byte.

        Examples
        --------
        >>> from minillama.tokenizer.alphabet import BYTE_ORDER
        >>> ByteLevelBPE([bytes([byte]) for byte in BYTE_ORDER], [], PreTokenizer()).encode("!")
        [0]
        """
        cache, ids = self._cache, []
        for word in self.pretokenizer.split(text):
            found = cache.get(word)
            ids += self._encode_word(word) if found is None else found
        return ids

    def token_bytes(self, token_id: int) -> bytes:
        """Bytes of one token."""
        return self.tokens[token_id]

    def first_bytes(self, token_id: int) -> bytes:
        """Bytes of a token that begins a text: the same as anywhere."""
        return self.tokens[token_id]

    def _encode_word(self, word: str) -> list[int]:
        """Encode one word and remember the result."""
        data = word.encode("utf-8", errors="surrogateescape")
        whole = self._id_of.get(data) if self.whole_words else None
        if whole is not None:
            ids = [whole]
        else:
            rule = self._rank_rule if self.merges is None else self._rules.get
            ids = merge([i for byte in data if (i := self._byte_ids[byte]) is not None], rule)
        if len(word) <= CACHE_LENGTH:
            if len(self._cache) >= CACHE_WORDS:
                self._cache.clear()
            self._cache[word] = ids
        return ids

    def _rank_rule(self, pair: Pair) -> tuple[int, int] | None:
        """Merge a pair that is a token together; the rank is the token's id."""
        merged = self._id_of.get(self.tokens[pair[0]] + self.tokens[pair[1]])
        return None if merged is None else (merged, merged)

    def _number(self, merges: Sequence[Pair]) -> dict[Pair, tuple[int, int]]:
        """Map each pair to its rank and the merged token."""
        rules: dict[Pair, tuple[int, int]] = {}
        for rank, pair in enumerate(merges):
            left, right = (self.tokens[i] for i in pair)
            merged = self._id_of.get(left + right)
            if merged is None:
                raise TokenizerError(
                    f"merge {rank} joins {left!r} and {right!r}, but {left + right!r} is no token"
                )
            rules[pair] = (rank, merged)
        return rules
