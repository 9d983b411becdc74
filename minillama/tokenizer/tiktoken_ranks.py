"""Reading rank files: the vocabularies of LLaMA 3 and 4, in the format of OpenAI's ``tiktoken``.

One line a token, ``base64 rank``; ranks count up from 0 and are the ids. There are no merges: two
neighbours may be joined whenever together they are a token. The file holds neither the pattern that
cuts words nor the special tokens; both stand in Meta's code, and here.

Source: Meta's ``llama-models`` 0.3.0, ``llama3/tokenizer.py`` and ``llama4/tokenizer.py``.
"""

import binascii
from collections.abc import Iterator

from minillama.tokenizer.byte_level import ByteLevelBPE
from minillama.tokenizer.errors import TokenizerError
from minillama.tokenizer.pretokenize import PreTokenizer
from minillama.tokenizer.tokenizer import Tokenizer

LLAMA4_RANKS = 200_000
"""Lines of LLaMA 4's file. LLaMA 3's has 128,000."""


def read(data: bytes) -> Tokenizer:
    r"""Build a tokenizer from the contents of a rank file.

    Parameters
    ----------
    data
        The file. With ``LLAMA4_RANKS`` lines it gets the pattern and the 2,048 special tokens of
        LLaMA 4, otherwise the pattern and the 256 special tokens of LLaMA 3.

    Returns
    -------
    Tokenizer
        With the special tokens after the ranks.

    Raises
    ------
    TokenizerError
        If a line is not ``base64 rank``, a rank is not the next one, or a token is missing or twice there.

    Examples
    --------
    >>> from base64 import b64encode
    >>> tokens = [bytes([byte]) for byte in range(256)] + [b"he"]
    >>> tok = read(b"".join(b64encode(token) + b" %d\n" % i for i, token in enumerate(tokens)))
    >>> tok.encode("he!", bos=True), tok.vocab_size
    ([257, 256, 33], 513)
    """
    ranks = [_token(line, i) for i, line in enumerate(data.splitlines())]
    version = 4 if len(ranks) == LLAMA4_RANKS else 3
    names = list(_llama4_specials() if version == 4 else _llama3_specials())
    specials = {name: len(ranks) + i for i, name in enumerate(names)}
    model = ByteLevelBPE([*ranks, *[b""] * len(names)], None, PreTokenizer(f"llama{version}"))
    return Tokenizer(model, specials, "<|begin_of_text|>", "<|end_of_text|>")


def _token(line: bytes, i: int) -> bytes:
    """Bytes of the token in line ``i``, counted from 0."""
    encoded, _, rank = line.partition(b" ")
    try:
        token = binascii.a2b_base64(encoded, strict_mode=True)
    except binascii.Error as error:
        raise TokenizerError(f"line {i + 1} begins with {encoded[:20]!r}; expected base64: {error}") from None
    if not token:
        raise TokenizerError(f"line {i + 1} holds no token; expected base64 and a rank")
    if rank.strip() != b"%d" % i:
        raise TokenizerError(f"line {i + 1} has rank {rank[:20]!r}; expected {i}: ranks count up from 0")
    return token


def _llama3_specials() -> Iterator[str]:
    """Names of the 256 special tokens of LLaMA 3.1 and later, in order."""
    names = ["begin_of_text", "end_of_text", "reserved_special_token_0", "reserved_special_token_1"]
    names += ["finetune_right_pad_id", "step_id", "start_header_id", "end_header_id"]
    names += ["eom_id", "eot_id", "python_tag", "image"]
    names += [f"reserved_special_token_{i}" for i in range(2, 2 + 256 - len(names))]
    return (f"<|{name}|>" for name in names)


def _llama4_specials() -> Iterator[str]:
    """Names of the 2,048 special tokens of LLaMA 4, in order."""

    def reserved(group: str, start: int, stop: int) -> list[str]:
        return [f"{group}_reserved_special_token_{i}" for i in range(start, stop)]

    names = ["begin_of_text", "end_of_text", "fim_prefix", "fim_middle", "fim_suffix"]
    names += ["header_start", "header_end", "eom", "eot", "step", *reserved("text_post_train", 0, 6)]
    names += ["python_start", "python_end", "finetune_right_pad", *reserved("text_post_train", 8, 69)]
    names += ["image_start", "image_end", *reserved("vision", 0, 2), "tile_x_separator", "tile_y_separator"]
    names += [*reserved("vision", 2, 6), "image", *reserved("vision", 6, 7), "patch"]
    names += [*reserved("vision", 7, 1048), *reserved("reasoning", 0, 8)]
    names += ["reasoning_thinking_start", "reasoning_thinking_end"]
    names += [f"reserved_special_token_{i}" for i in range(2048 - len(names))]
    return (f"<|{name}|>" for name in names)
