"""Writing ``tokenizer.json`` for the ``tokenizers`` library, from any of our vocabularies.

Rank files and SentencePiece models have no merges, which this format wants: they are written out as
every way to split a token into two others, in the order of rank or score.

The post-processor that we write gives ``bos A`` for one text, and ``bos A eos B`` for a pair.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from minillama.tokenizer.alphabet import to_letters
from minillama.tokenizer.byte_level import ByteLevelBPE
from minillama.tokenizer.hf_json_steps import byte_level_steps, sentencepiece_steps
from minillama.tokenizer.sentencepiece_bpe import SentencePieceBPE
from minillama.tokenizer.tokenizer import Tokenizer

Token = TypeVar("Token", bytes, str)


def write(tokenizer: Tokenizer) -> str:
    """Write a tokenizer as the text of a ``tokenizer.json``.

    Parameters
    ----------
    tokenizer
        From training or from a file of any kind.

    Returns
    -------
    str
        JSON.

    Raises
    ------
    ValueError
        If it has what this format cannot express: pieces that are cut out whole (LLaMA has none), or a
        special token with the name of another token.

    Examples
    --------
    >>> root = json.loads(write(Tokenizer.train(["to be"], vocab_size=260)))
    >>> root["model"]["merges"]
    [['b', 'e'], ['t', 'o']]
    """
    model = tokenizer.model
    if isinstance(model, ByteLevelBPE):
        steps, details = (
            byte_level_steps(model.pretokenizer.patterns),
            _byte_level(model, tokenizer.specials.names),
        )
    elif isinstance(model, SentencePieceBPE):
        steps, details = sentencepiece_steps(model.prefix), _sentencepiece(model)
    else:
        raise ValueError(f"cannot write a {type(model).__name__}; expected byte-level or SentencePiece BPE")
    for name, token_id in tokenizer.special_tokens.items():
        if details["vocab"].get(name, token_id) != token_id:
            raise ValueError(
                f"the special token {name!r} is written like token {details['vocab'][name]};"
                " expected a name that no token has, such as '<|name|>'"
            )
    root = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [_added_token(tokenizer, name) for name in tokenizer.special_tokens],
        "normalizer": steps["normalizer"],
        "pre_tokenizer": steps["pre_tokenizer"],
        "post_processor": _template(tokenizer),
        "decoder": steps["decoder"],
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            **details,
        },
    }
    return json.dumps(root, ensure_ascii=False, indent=1) + "\n"


def all_splits(tokens: Iterable[Token], id_of: Mapping[Token, int]) -> list[tuple[Token, Token]]:
    """List every way to split each token into two tokens, those with the smaller ids first.

    Examples
    --------
    >>> all_splits(["abc"], {"a": 0, "c": 1, "ab": 2, "bc": 3})
    [('a', 'bc'), ('ab', 'c')]
    """
    splits = []
    for token in tokens:
        halves = [(token[:cut], token[cut:]) for cut in range(1, len(token))]
        known = [(left, right) for left, right in halves if left in id_of and right in id_of]
        splits += sorted(known, key=lambda pair: (id_of[pair[0]], id_of[pair[1]]))
    return splits


def _byte_level(model: ByteLevelBPE, special_names: Mapping[int, str]) -> dict[str, Any]:
    """Describe the vocabulary of byte-level BPE."""
    letters = [to_letters(token) for token in model.tokens]
    vocab = {name: i for i, name in enumerate(letters) if name}
    if model.merges is None:
        merges = [list(pair) for pair in all_splits(letters, vocab)]
    else:
        merges = [[letters[left], letters[right]] for left, right in model.merges]
    unknown = None
    if isinstance(model.missing_bytes, int):
        unknown = special_names.get(model.missing_bytes, letters[model.missing_bytes])
        vocab[unknown] = model.missing_bytes
    return {"unk_token": unknown, "ignore_merges": model.whole_words, "vocab": vocab, "merges": merges}


def _sentencepiece(model: SentencePieceBPE) -> dict[str, Any]:
    """Describe the vocabulary of SentencePiece's BPE."""
    if any(piece.kind == "whole" for piece in model.pieces):
        raise ValueError(
            "the vocabulary has pieces that are cut out whole, which tokenizer.json cannot express;"
            " expected none, as in LLaMA 2. Keep the .model file"
        )
    if model.merges is None:
        best_first = sorted(model.pieces, key=lambda piece: -piece.score)
        texts = {piece.text: i for i, piece in enumerate(model.pieces) if piece.kind == "text"}
        merges = [list(pair) for pair in all_splits((p.text for p in best_first if p.kind == "text"), texts)]
    else:
        merges = [list(pair) for pair in sorted(model.merges, key=model.merges.__getitem__)]
    kinds = {piece.kind for piece in model.pieces}
    return {
        "unk_token": next((piece.text for piece in model.pieces if piece.kind == "unknown"), None),
        "fuse_unk": True,
        "byte_fallback": "byte" in kinds,
        "vocab": {piece.text: i for i, piece in enumerate(model.pieces)},
        "merges": merges,
    }


def _added_token(tokenizer: Tokenizer, name: str) -> dict[str, Any]:
    """Describe a special token."""
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    special = name not in tokenizer.specials.always
    return {"id": tokenizer.special_tokens[name], "content": name, **flags, "special": special}


def _template(tokenizer: Tokenizer) -> dict[str, Any]:
    """Describe the post-processor that puts the special tokens around a text."""
    names = {i: name for name, i in tokenizer.special_tokens.items()}
    bos, eos = ([names[i]] if i is not None else [] for i in (tokenizer.bos_id, tokenizer.eos_id))

    def row(*items: str) -> list[dict[str, Any]]:
        kinds = {"A": "Sequence", "B": "Sequence"}
        return [{kinds.get(item, "SpecialToken"): {"id": item, "type_id": 0}} for item in items]

    return {
        "type": "TemplateProcessing",
        "single": row(*bos, "A"),
        "pair": row(*bos, "A", *eos, "B"),
        "special_tokens": {
            name: {"id": name, "ids": [tokenizer.special_tokens[name]], "tokens": [name]}
            for name in [*bos, *eos]
        },
    }
