"""What a ``tokenizer.json`` does to a text before BPE: normaliser and pre-tokeniser, read and written.

Byte-level BPE splits by patterns and then turns each word into letters of bytes. SentencePiece's BPE
puts ``▁`` for spaces and one more in front; two spellings of that are in use, an older one by a
normaliser (``Prepend``, ``Replace``) and a newer one by a pre-tokeniser (``Metaspace``).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from minillama.tokenizer.errors import TokenizerError
from minillama.tokenizer.pretokenize import PATTERNS
from minillama.tokenizer.sentencepiece_bpe import SPACE, Prefix

_BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
_REPLACE = {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}
_PREPEND = {"type": "Prepend", "prepend": SPACE}
_NORMALIZERS: list[tuple[list[Any], Prefix]] = [([_PREPEND, _REPLACE], "always"), ([_REPLACE], "never")]


def is_byte_level(root: Mapping[str, Any]) -> bool:
    """Tell whether the text is turned into bytes in the end.

    Examples
    --------
    >>> is_byte_level({"pre_tokenizer": {"type": "ByteLevel"}}), is_byte_level({"pre_tokenizer": None})
    (True, False)
    """
    return any(step.get("type") == "ByteLevel" for step in _steps(root, "pre_tokenizer", "pretokenizers"))


def splitting_patterns(root: Mapping[str, Any]) -> list[str]:
    r"""Read the row of patterns that cut words for byte-level BPE.

    Examples
    --------
    >>> digits = {"type": "Digits", "individual_digits": True}
    >>> splitting_patterns({"pre_tokenizer": {"type": "Sequence", "pretokenizers": [digits, _BYTE_LEVEL]}})
    ['\\p{N}']
    """
    if _steps(root, "normalizer", "normalizers"):
        raise TokenizerError("normalizer is set; expected null, none is supported with byte-level BPE")
    *splits, last = _steps(root, "pre_tokenizer", "pretokenizers")
    if last.get("type") != "ByteLevel" or last.get("add_prefix_space"):
        raise TokenizerError(
            f"pre_tokenizer ends with type {last.get('type')!r}, add_prefix_space"
            f" {last.get('add_prefix_space')!r}; expected 'ByteLevel' and false"
        )
    patterns = [_pattern(split) for split in splits]
    return [*patterns, *PATTERNS["gpt2"]] if last.get("use_regex", True) else patterns


def byte_level_steps(patterns: Sequence[str]) -> dict[str, Any]:
    """Write the steps of byte-level BPE.

    Examples
    --------
    >>> splitting_patterns(byte_level_steps(["a+"]))
    ['a+']
    """
    splits = [
        {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
        for pattern in patterns
    ]
    return {
        "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [*splits, _BYTE_LEVEL]},
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
    }


def text_prefix(root: Mapping[str, Any]) -> Prefix:
    """Read whether SentencePiece's BPE puts a space in front of a text.

    Examples
    --------
    >>> text_prefix({"pre_tokenizer": {"type": "Metaspace", "prepend_scheme": "first", "split": False}})
    'missing'
    """
    normalizer = _steps(root, "normalizer", "normalizers")
    pre_tokenizer = _steps(root, "pre_tokenizer", "pretokenizers")
    if not pre_tokenizer:
        for steps, prefix in _NORMALIZERS:
            if normalizer == steps:
                return prefix
    if not normalizer and len(pre_tokenizer) == 1 and pre_tokenizer[0].get("type") == "Metaspace":
        metaspace = {"replacement": SPACE, "prepend_scheme": "always", "split": True, **pre_tokenizer[0]}
        if metaspace["replacement"] == SPACE and metaspace["split"] is False:
            return "never" if metaspace["prepend_scheme"] == "never" else "missing"
    raise TokenizerError(
        f"normalizer is {normalizer!r:.90}, pre_tokenizer is {pre_tokenizer!r:.90}; expected byte-level"
        f" BPE, or {SPACE!r} for spaces as in LLaMA 2"
    )


def sentencepiece_steps(prefix: Prefix) -> dict[str, Any]:
    """Write the steps of SentencePiece's BPE.

    Examples
    --------
    >>> [text_prefix(sentencepiece_steps(prefix)) for prefix in ("always", "missing", "never")]
    ['always', 'missing', 'never']
    """
    metaspace = {"type": "Metaspace", "replacement": SPACE, "prepend_scheme": "first", "split": False}
    normalizer = {
        "type": "Sequence",
        "normalizers": [_PREPEND, _REPLACE] if prefix == "always" else [_REPLACE],
    }
    decoders: list[dict[str, Any]] = [
        {"type": "Replace", "pattern": {"String": SPACE}, "content": " "},
        {"type": "ByteFallback"},
        {"type": "Fuse"},
    ]
    if prefix != "never":
        decoders.append({"type": "Strip", "content": " ", "start": 1, "stop": 0})
    return {
        "normalizer": None if prefix == "missing" else normalizer,
        "pre_tokenizer": metaspace if prefix == "missing" else None,
        "decoder": {"type": "Sequence", "decoders": decoders},
    }


def _steps(root: Mapping[str, Any], key: str, inner: str) -> list[dict[str, Any]]:
    """Row of steps under ``key``, which may be absent, a single one, or a sequence."""
    step = root.get(key)
    if step is None:
        return []
    steps = step.get(inner) if isinstance(step, dict) and step.get("type") == "Sequence" else [step]
    if not isinstance(steps, list) or not all(isinstance(one, dict) for one in steps):
        raise TokenizerError(f"{key} is {step!r:.90}; expected null or steps as objects")
    return steps


def _pattern(split: Mapping[str, Any]) -> str:
    """Regular expression of one splitting step."""
    if split.get("type") == "Digits":
        return r"\p{N}" if split.get("individual_digits") else r"\p{N}+"
    pattern = split.get("pattern")
    regex = pattern.get("Regex") if isinstance(pattern, dict) else None
    plain = split.get("behavior") == "Isolated" and not split.get("invert")
    if split.get("type") != "Split" or not isinstance(regex, str) or not plain:
        raise TokenizerError(
            f"pre_tokenizer has the step {split!r:.120}; expected 'Digits', or 'Split' by a Regex, Isolated"
        )
    return regex
