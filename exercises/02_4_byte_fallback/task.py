"""Decode with byte fallback.

Exercise 02.4 · 02_tokens · medium · 15 minutes

LLaMA 1 and 2 print through SentencePiece. Its pieces are text, in which `▁` (U+2581) stands for a space,
but for the 256 pieces `<0x00>` to `<0xFF>`, which stand for one byte each: by them a character outside
the vocabulary is spelt. Every text was encoded with one `▁` put in front. Turn pieces back into text.
"""


def decode(pieces: list[str]) -> str:
    """Return the text that the pieces spell.

    Every piece gives bytes: a byte piece its byte, any other piece its own text in UTF-8, with a space
    for each `▁`. All bytes together are read as UTF-8; what is not valid becomes U+FFFD, as
    `errors="replace"` does. Finally one space is taken off the front, if there is one.

    Parameters
    ----------
    pieces : list of str
        Pieces of the vocabulary. Byte pieces have two capital hexadecimal digits.

    Returns
    -------
    str
        The text.

    Examples
    --------
    >>> decode(["▁Hello", ",", "▁world"])
    'Hello, world'
    >>> decode(["▁", "<0xC3>", "<0xA9>", "t", "é"])
    'été'
    """
    raise NotImplementedError
