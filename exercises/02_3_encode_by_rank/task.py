"""Encode by rank.

Exercise 02.3 · 02_tokens · medium · 15 minutes

A tokenizer is trained; its merges stand in a list, in the order in which they were learnt. Turn one piece
of text into tokens exactly as that training would have: of all merges that can be made, always make the
one that was learnt first. Tokens are `bytes` here, so that you can see what happens.
"""


def encode_piece(piece: bytes, merges: list[tuple[bytes, bytes]]) -> list[bytes]:
    """Return the tokens of one piece of text.

    Start from single bytes. While some neighbours are a pair of the list, join the pair that stands
    earliest in the list, wherever it occurs, from left to right.

    Parameters
    ----------
    piece : bytes
        What the pre-tokeniser cut out; may be empty.
    merges : list of (bytes, bytes)
        The learnt pairs, left and right token, first learnt first. No pair is there twice.

    Returns
    -------
    list of bytes
        Tokens that joined are `piece`.

    Examples
    --------
    >>> encode_piece(b"which", [(b"c", b"h"), (b"w", b"h"), (b"i", b"ch")])
    [b'wh', b'ich']
    >>> encode_piece(b"white", [(b"i", b"t"), (b"w", b"h"), (b"h", b"i"), (b"it", b"e")])
    [b'wh', b'ite']
    """
    raise NotImplementedError
