"""A context and its continuation as token ids: where the one ends and the other begins.

Left out: joining them with tokens that the text does not have, such as a chat's.
"""

from __future__ import annotations

from typing import NamedTuple

from ..tokenizer import Tokenizer


class Request(NamedTuple):
    """What to score: the ids before, at least one, and the ids of the continuation, at least one."""

    context: tuple[int, ...]
    target: tuple[int, ...]


def prefix_id(tokenizer: Tokenizer) -> int:
    """Return the token that stands before a text, so that its first token too can be predicted.

    The one that begins a text, or the one that ends the text before it.

    Raises
    ------
    ValueError
        If the vocabulary has neither.
    """
    prefix = tokenizer.eos_id if tokenizer.bos_id is None else tokenizer.bos_id
    if prefix is None:
        raise ValueError(
            "the vocabulary has no token that begins or ends a text: nothing can predict the first one"
        )
    return prefix


def encode_pair(tokenizer: Tokenizer, context: str, continuation: str) -> Request:
    """Cut ``context + continuation`` into tokens, and the tokens in two where the context ends.

    The two are encoded as one text: " mouse" behind "little" is one token, and "little " before "mouse" is
    two that the model has never seen together. So a space at the end of the context goes to the continuation.

    Parameters
    ----------
    tokenizer : Tokenizer
    context : str
        May be empty. Where the vocabulary has a token that begins a text, that stands in front.
    continuation : str

    Returns
    -------
    Request

    Raises
    ------
    ValueError
        If the continuation adds no token.

    Examples
    --------
    >>> tokenizer = Tokenizer.train(["the little mouse and the little cat " * 9], 270)
    >>> request = encode_pair(tokenizer, "the little ", "mouse")
    >>> [tokenizer.token_bytes(i) for i in request.context[1:]], tokenizer.decode(request.target)
    ([b'the', b' little'], ' mouse')
    """
    bos = tokenizer.bos_id is not None
    ids = tokenizer.encode(context + continuation, bos=bos)
    cut = len(tokenizer.encode(context.rstrip(), bos=bos))
    if cut == 0:
        ids, cut = [prefix_id(tokenizer), *ids], 1
    if cut >= len(ids):
        raise ValueError(
            f"the continuation {continuation!r:.60} adds no token to its context: give some text"
        )
    return Request(tuple(ids[:cut]), tuple(ids[cut:]))
