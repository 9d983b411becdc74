"""Reading ``tokenizer.json``, the format of Hugging Face's ``tokenizers`` library.

Read here: byte-level BPE with any row of splitting patterns, and SentencePiece's BPE as LLaMA 1 and 2
have it. Left out, and refused by name: other models (Unigram, WordPiece), other normalisers, dropout.

The format has no place for "this token begins a text". Where ``tokenizer_config.json`` lies beside
the file, its ``bos_token`` and ``eos_token`` say so; otherwise the post-processor does, which puts the
special tokens around a text; otherwise well-known names.

Source: the structure as written by ``tokenizers`` 0.23 (``Tokenizer.to_str``).
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from minillama.tokenizer.alphabet import from_letters
from minillama.tokenizer.bpe import Pair
from minillama.tokenizer.byte_level import ByteLevelBPE
from minillama.tokenizer.errors import TokenizerError
from minillama.tokenizer.hf_json_steps import is_byte_level, splitting_patterns, text_prefix
from minillama.tokenizer.pretokenize import PreTokenizer
from minillama.tokenizer.sentencepiece_bpe import BYTE_PIECE, Kind, Piece, SentencePieceBPE
from minillama.tokenizer.tokenizer import BEGIN, END, Tokenizer

BOS_NAMES = (BEGIN, "<|begin_of_text|>", "<s>", "<bos>")
EOS_NAMES = (END, "<|end_of_text|>", "</s>", "<eos>", "<|endoftext|>")


def read(data: bytes, config: bytes | None = None) -> Tokenizer:
    """Build a tokenizer from the contents of a ``tokenizer.json``.

    Parameters
    ----------
    data
        The file.
    config
        The ``tokenizer_config.json`` beside it, if there is one.

    Returns
    -------
    Tokenizer
        Encodes as the ``tokenizers`` library does, except that special tokens are not recognised in text.

    Raises
    ------
    TokenizerError
        If the file is broken or wants what is left out here.

    Examples
    --------
    >>> from minillama.tokenizer.hf_json_writer import write
    >>> read(write(Tokenizer.train(["to be"], vocab_size=260)).encode())
    Tokenizer(ByteLevelBPE, vocab_size=260, bos_id=258, eos_id=259)
    """
    root = parse_json(data)
    model = _field(root, "model", dict)
    kind = model.get("type", "BPE")
    if kind != "BPE":
        raise TokenizerError(f"model.type is {kind!r}; expected 'BPE'")
    for key in ("dropout", "continuing_subword_prefix", "end_of_word_suffix"):
        if model.get(key):
            raise TokenizerError(f"model.{key} is {model[key]!r}; expected none, this is not supported")
    vocab = _field(model, "vocab", dict, "model.")
    added = [_added_token(entry, i) for i, entry in enumerate(_field(root, "added_tokens", list))]
    names = _by_id(vocab, added)
    merges = _merges(_field(model, "merges", list, "model."), vocab)
    specials = {content: token_id for token_id, content, _ in added}
    always = [content for _, content, special in added if not special]
    bos, eos = _named_ends(config, specials) or _usual_ends(root, specials)
    build = _byte_level if is_byte_level(root) else _sentencepiece
    return Tokenizer(build(root, names, merges, specials), specials, bos, eos, always)


def _byte_level(
    root: dict[str, Any], names: list[str], merges: list[Pair], specials: dict[str, int]
) -> ByteLevelBPE:
    """Build the byte-level algorithm."""
    patterns = splitting_patterns(root)
    tokens = [b"" if name in specials else _from_letters(name) for name in names]
    model = root["model"]
    unknown = model.get("unk_token")
    return ByteLevelBPE(
        tokens,
        merges,
        PreTokenizer(patterns),
        whole_words=bool(model.get("ignore_merges")),
        missing_bytes=names.index(unknown) if unknown in names else "drop",
    )


def _sentencepiece(
    root: dict[str, Any], names: list[str], merges: list[Pair], specials: dict[str, int]
) -> SentencePieceBPE:
    """Build SentencePiece's algorithm; its scores are lost in this format, the order of merges is not."""
    prefix, model = text_prefix(root), root["model"]
    unknown = model.get("unk_token")
    has_bytes = bool(model.get("byte_fallback"))
    if not has_bytes and not model.get("fuse_unk"):
        raise TokenizerError("model has neither byte_fallback nor fuse_unk; expected one, as in LLaMA")

    def kind(name: str) -> Kind:
        if name == unknown:
            return "unknown"
        return (
            "control" if name in specials else "byte" if has_bytes and BYTE_PIECE.fullmatch(name) else "text"
        )

    pieces = [Piece(name, 0.0, kind(name)) for name in names]
    ranks = {(names[left], names[right]): rank for rank, (left, right) in enumerate(merges)}
    return SentencePieceBPE(pieces, ranks, prefix)


def parse_json(data: bytes) -> dict[str, Any]:
    """Parse a JSON object in which no key stands twice."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        table = dict(pairs)
        if len(table) < len(pairs):
            twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
            raise TokenizerError(f"the key {twice!r} stands twice in one object; expected it once")
        return table

    try:
        root = json.loads(data.decode(), object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        raise TokenizerError(
            f"is not JSON: {error.msg} at offset {error.pos} (line {error.lineno})"
        ) from None
    except UnicodeDecodeError as error:
        raise TokenizerError(f"is not UTF-8 at offset {error.start}; expected JSON in UTF-8") from None
    except RecursionError:
        raise TokenizerError("is nested too deeply; expected a tokenizer's JSON") from None
    if not isinstance(root, dict):
        raise TokenizerError(f"holds a {type(root).__name__}; expected a JSON object")
    return root


def _field(table: Mapping[str, Any], key: str, kind: type, where: str = "") -> Any:
    """Return ``table[key]`` if it is there and of its kind."""
    value = table.get(key)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        found = "missing" if key not in table else f"a {type(value).__name__}"
        raise TokenizerError(f"{where}{key} is {found}; expected a {kind.__name__}")
    return value


def _added_token(entry: Any, i: int) -> tuple[int, str, bool]:
    """Id, text and "is special" of an added token."""
    where = f"added_tokens[{i}]"
    if not isinstance(entry, dict):
        raise TokenizerError(f"{where} is a {type(entry).__name__}; expected an object")
    special = entry.get("special", False) is True
    strips = [key for key in ("single_word", "lstrip", "rstrip") if entry.get(key)]
    if strips and not special:
        raise TokenizerError(f"{where}.{strips[0]} is set; expected false, this is not supported")
    content = _field(entry, "content", str, where + ".")
    if not content:
        raise TokenizerError(f"{where}.content is empty; expected the token's text")
    return _field(entry, "id", int, where + "."), content, special


def _by_id(vocab: Mapping[str, Any], added: Iterable[tuple[int, str, bool]]) -> list[str]:
    """Names of all tokens by id, which must run from 0 without a hole."""
    name_of: dict[int, str] = {}
    for name, token_id in [*vocab.items(), *((name, token_id) for token_id, name, _ in added)]:
        if not name.isascii() and any("\ud800" <= letter <= "\udfff" for letter in name):
            raise TokenizerError(f"token {name!r} has a lone surrogate; expected text that UTF-8 can express")
        if not isinstance(token_id, int) or isinstance(token_id, bool):
            raise TokenizerError(f"the id of {name!r} is {token_id!r}; expected an integer")
        if name_of.setdefault(token_id, name) != name:
            raise TokenizerError(
                f"id {token_id} belongs to {name_of[token_id]!r} and {name!r}; expected one token"
            )
        if vocab.get(name, token_id) != token_id:
            raise TokenizerError(f"{name!r} has the ids {vocab[name]} and {token_id}; expected one")
    hole = next((i for i in range(len(name_of)) if i not in name_of), None)
    if hole is not None:
        raise TokenizerError(
            f"no token has id {hole}, though there are {len(name_of)}; expected ids without holes"
        )
    return [name_of[i] for i in range(len(name_of))]


def _from_letters(name: str) -> bytes:
    """Bytes of a token written in letters."""
    try:
        return from_letters(name)
    except KeyError as error:
        raise TokenizerError(
            f"token {name!r} has the character {error}; expected the letters of byte-level BPE"
        ) from None


def _merges(entries: list[Any], vocab: Mapping[str, int]) -> list[Pair]:
    """Pairs of ids from merges written "a b" or ["a", "b"]."""
    merges = []
    for i, entry in enumerate(entries):
        parts = entry.split(" ") if isinstance(entry, str) else entry
        if not isinstance(parts, list) or len(parts) != 2 or not all(isinstance(part, str) for part in parts):
            raise TokenizerError(f"model.merges[{i}] is {entry!r:.60}; expected two tokens")
        for part in parts:
            if part not in vocab:
                raise TokenizerError(f"model.merges[{i}] has {part!r}, which is not in model.vocab")
        merges.append((vocab[parts[0]], vocab[parts[1]]))
    return merges


def _named_ends(config: bytes | None, specials: Mapping[str, int]) -> tuple[str | None, str | None] | None:
    """Names of the tokens that begin and end a text, from ``tokenizer_config.json``, if it has any."""
    try:
        table = {} if config is None else parse_json(config)
        bos, eos = (_name(table, key, specials) for key in ("bos_token", "eos_token"))
    except TokenizerError as error:
        raise TokenizerError(f"tokenizer_config.json beside it: {error}") from None
    return (bos, eos) if "bos_token" in table or "eos_token" in table else None


def _name(table: Mapping[str, Any], key: str, specials: Mapping[str, int]) -> str | None:
    """Name of a special token, given as text, as an object with the text, or not at all."""
    name = table.get(key)
    if isinstance(name, dict):
        name = _field(name, "content", str, f"{key}.")
    if name is not None and (not isinstance(name, str) or name not in specials):
        raise TokenizerError(f"{key} is {name!r:.60}; expected one of the {len(specials)} added tokens")
    return name


def _usual_ends(root: Mapping[str, Any], specials: Mapping[str, int]) -> tuple[str | None, str | None]:
    """Names of the tokens that begin and end a text, from the post-processor or by habit."""
    bos, eos = _around_text(root.get("post_processor"))
    bos = bos if bos in specials else next((name for name in BOS_NAMES if name in specials), None)
    eos = eos if eos in specials else next((name for name in EOS_NAMES if name in specials), None)
    return bos, eos


def _around_text(processor: Any) -> tuple[str | None, str | None]:
    """Find the special tokens that a template puts before and after its first text."""
    try:
        if processor["type"] == "Sequence":
            processor = next(p for p in processor["processors"] if p["type"] == "TemplateProcessing")
        row = [next(iter(item.values()))["id"] for item in processor["pair"]]
        before, after = row[: row.index("A")], row[row.index("A") + 1 : row.index("B")]
    except (TypeError, KeyError, ValueError, AttributeError, StopIteration):
        return None, None
    bos = str(before[0]) if before else None
    return bos, str(after[0]) if after and after[0] != bos else None
