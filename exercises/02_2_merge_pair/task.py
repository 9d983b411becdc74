"""Merge a pair.

Exercise 02.2 · 02_tokens · easy · 10 minutes

The other half of BPE: replace a pair of neighbours by one new token, wherever it stands. It is used in
training, once for every merge learnt, and in encoding, once for every merge replayed; if the two do not
do exactly the same, the model reads other tokens than it was trained on.
"""


def merge(ids: list[int], pair: tuple[int, int], new_id: int) -> list[int]:
    """Return the tokens with every occurrence of a pair replaced by one new token.

    Read from the left. Where the next two tokens are the pair, write `new_id` and go on after both; otherwise
    copy one token. What was written is not read again.

    Parameters
    ----------
    ids : list of int
        Tokens, in order. Left as it is.
    pair : tuple of (int, int)
        The tokens to join, the left one first.
    new_id : int
        The token that stands for both.

    Returns
    -------
    list of int
        A new list.

    Examples
    --------
    >>> merge([1, 2, 3, 1, 2], pair=(1, 2), new_id=256)
    [256, 3, 256]
    >>> merge([7, 7, 7], pair=(7, 7), new_id=256)
    [256, 7]
    """
    raise NotImplementedError
