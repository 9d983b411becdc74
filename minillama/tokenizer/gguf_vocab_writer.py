"""Writing a tokenizer as GGUF metadata: what `gguf_vocab` reads, and llama.cpp.

llama.cpp knows splitting patterns by name only, looks whole words up first in LLaMA 3's, and wants as many
tokens as the model has rows. So the pattern has to be one that has a name, and rows without a token get one
that is never used. It puts a space in front of a text always or never: of a tokenizer that does so only if
there is none (transformers 5 writes LLaMA's like this) a key of our own tells, and llama.cpp takes it for
always.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from minillama.tokenizer.alphabet import to_letters
from minillama.tokenizer.byte_level import ByteLevelBPE
from minillama.tokenizer.gguf_vocab import PATTERN_NAMES, SPACE_PREFIX, UNUSED, padding_name
from minillama.tokenizer.hf_json_writer import all_splits
from minillama.tokenizer.pretokenize import PATTERNS, PreTokenizer
from minillama.tokenizer.sentencepiece_bpe import UNKNOWN_TEXT, SentencePieceBPE
from minillama.tokenizer.sentencepiece_writer import TYPES, checked
from minillama.tokenizer.tokenizer import Tokenizer

NAMES = {PATTERNS[ours]: theirs for theirs, ours in PATTERN_NAMES.items()}
"""Names of the patterns in GGUF files."""


def to_metadata(tokenizer: Tokenizer, n_rows: int) -> dict[str, Any]:
    """Return the entries that describe a tokenizer.

    Parameters
    ----------
    tokenizer
        Of either kind.
    n_rows
        Rows of the model's embedding: as many tokens are listed.

    Returns
    -------
    dict
        Keys and values: bool, int, str, and lists of int, float or str.

    Raises
    ------
    ValueError
        If GGUF or llama.cpp cannot express it: the text says what.

    Examples
    --------
    >>> table = to_metadata(Tokenizer.train(["to be"], vocab_size=260), 261)
    >>> table["tokenizer.ggml.tokens"][-3:], table["tokenizer.ggml.token_type"][-3:]
    (['<|begin|>', '<|end|>', '[PAD260]'], [3, 3, 5])
    """
    if tokenizer.vocab_size > n_rows:
        raise ValueError(
            f"the tokenizer has {tokenizer.vocab_size} tokens, the model {n_rows} rows; expected no more"
        )
    model = tokenizer.model
    table = _byte_level(tokenizer, model) if isinstance(model, ByteLevelBPE) else _sentencepiece(tokenizer)
    missing = range(tokenizer.vocab_size, n_rows)
    table["tokens"] += [padding_name(i) for i in missing]
    table["token_type"] += [UNUSED] * len(missing)
    if "scores" in table:
        table["scores"] += [0.0] * len(missing)
    ends = {"bos_token_id": tokenizer.bos_id, "eos_token_id": tokenizer.eos_id}
    table |= {key: token_id for key, token_id in ends.items() if token_id is not None}
    table |= {"add_bos_token": tokenizer.bos_id is not None, "add_eos_token": False}
    entries = {f"tokenizer.ggml.{key}": value for key, value in table.items()}
    if isinstance(model, SentencePieceBPE) and model.prefix == "missing":
        entries[SPACE_PREFIX] = model.prefix
    return entries


def _byte_level(tokenizer: Tokenizer, model: ByteLevelBPE) -> dict[str, Any]:
    """Describe byte-level BPE."""
    pattern = NAMES.get(model.pretokenizer.patterns)
    if pattern is None:
        raise ValueError(
            f"the tokenizer splits words by a pattern that GGUF has no name for; expected that of one of"
            f" {', '.join(PATTERN_NAMES)}"
        )
    if isinstance(model.missing_bytes, int):
        raise ValueError("the tokenizer has an unknown token for some bytes, which GGUF cannot express")
    names = tokenizer.specials.names
    tokens = [names.get(i, to_letters(token)) for i, token in enumerate(model.tokens)]
    if len(set(tokens)) < len(tokens):
        raise ValueError("a special token is written like another token; expected all names to differ")
    merges = model.merges
    if merges is None:
        id_of = {token: i for i, token in enumerate(model.tokens) if token}
        merges = [(id_of[left], id_of[right]) for left, right in all_splits(id_of, id_of)]
    if model.whole_words != (pattern == "llama-bpe") and not _merges_suffice(model, merges):
        raise ValueError(
            "the tokenizer's merges do not lead to each of its tokens, so it matters whether whole words"
            f" are looked up first: llama.cpp would differ for the pattern {pattern!r}"
        )
    always = tokenizer.specials.always
    types = [_type(names.get(i), always) for i in range(len(tokens))]
    lines = [f"{tokens[left]} {tokens[right]}" for left, right in merges]
    return {"model": "gpt2", "pre": pattern, "tokens": tokens, "token_type": types, "merges": lines}


def _sentencepiece(tokenizer: Tokenizer) -> dict[str, Any]:
    """Describe SentencePiece's BPE."""
    model, scores = checked(tokenizer)
    if model.unknown_text != UNKNOWN_TEXT:
        raise ValueError(
            f"the unknown token is written {model.unknown_text!r}; GGUF knows {UNKNOWN_TEXT!r} only"
        )
    kinds = [piece.kind for piece in model.pieces]
    table = {
        "model": "llama",
        "pre": "default",
        "tokens": [piece.text for piece in model.pieces],
        "scores": scores,
        "token_type": [TYPES[kind] for kind in kinds],
        "add_space_prefix": model.prefix != "never",
    }
    return table | ({"unknown_token_id": kinds.index("unknown")} if "unknown" in kinds else {})


def _type(special: str | None, always: Collection[str]) -> int:
    """Type of a token; a special one that is recognised in any text is the user's own."""
    if special is None:
        return TYPES["text"]
    return TYPES["whole"] if special in always else TYPES["control"]


def _merges_suffice(model: ByteLevelBPE, merges: list[tuple[int, int]]) -> bool:
    """Tell whether merging the bytes of each token gives that token, so that a look-up changes nothing."""
    alone = ByteLevelBPE(model.tokens, merges, PreTokenizer(()), missing_bytes="drop")
    texts = ((i, token.decode("utf-8", "surrogateescape")) for i, token in enumerate(model.tokens) if token)
    return all(alone.encode(text) == [i] for i, text in texts)
