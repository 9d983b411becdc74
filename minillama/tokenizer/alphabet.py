"""The 256 bytes in their order in a vocabulary, and the letters by which JSON files write them.

A ``tokenizer.json`` stores tokens as text, but a token may be half a character. GPT-2 answered this
with one visible letter for each byte: printable bytes stand for themselves, the other 68 take the
letters from U+0100 on. So a space becomes ``Ġ`` and a line feed ``Ċ``. Vocabularies list the single
bytes in the order of these letters: "!" has id 0 in GPT-2, in LLaMA 3, and in ours.

Source: ``bytes_to_unicode`` in OpenAI's ``gpt-2/src/encoder.py``.
"""

_PRINTABLE = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
_OTHERS = [byte for byte in range(256) if byte not in _PRINTABLE]

BYTE_ORDER: tuple[int, ...] = (*_PRINTABLE, *_OTHERS)
"""``BYTE_ORDER[id]`` is the byte that the single-byte token ``id`` stands for."""

LETTERS: dict[int, str] = {byte: chr(byte) for byte in _PRINTABLE} | {
    byte: chr(0x100 + n) for n, byte in enumerate(_OTHERS)
}
"""The letter of each byte in a ``tokenizer.json``."""

_BYTES = {letter: byte for byte, letter in LETTERS.items()}


def to_letters(token: bytes) -> str:
    """Write a token as a ``tokenizer.json`` does, one letter a byte.

    Examples
    --------
    >>> to_letters(" né".encode())
    'ĠnÃ©'
    """
    return "".join(LETTERS[byte] for byte in token)


def from_letters(letters: str) -> bytes:
    """Read a token back from its letters; ``KeyError`` if a character is none of the 256.

    Examples
    --------
    >>> from_letters("ĠnÃ©").decode()
    ' né'
    """
    return bytes(_BYTES[letter] for letter in letters)
