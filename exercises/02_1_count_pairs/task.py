"""Count the pairs, choose the best.

Exercise 02.1 · 02_tokens · easy · 15 minutes

Training a BPE tokenizer is one question asked again and again: which two neighbours come most often?
Write the counting first, then the choice. Tokens are numbers here, as they are in a fast tokenizer.

Count what a merge could really do: in a run such as `[7, 7, 7]` only one pair can be merged, because the
token in the middle cannot be in two.
"""


def count_pairs(ids: list[int]) -> dict[tuple[int, int], int]:
    """Return how many times each pair of neighbours could be merged.

    For each pair by itself: read from the left, count each place where the two stand next to each other,
    and let no token take part in two places.

    Parameters
    ----------
    ids : list of int
        Tokens, in order.

    Returns
    -------
    dict from (int, int) to int
        Number of merges for each pair that occurs, the left token first. No entry is 0.

    Examples
    --------
    >>> count_pairs([5, 6, 5, 6, 8]) == {(5, 6): 2, (6, 5): 1, (6, 8): 1}
    True
    >>> count_pairs([7, 7, 7, 7, 7])
    {(7, 7): 2}
    """
    raise NotImplementedError


def best_pair(words: dict[tuple[int, ...], int]) -> tuple[int, int]:
    """Return the pair that is merged next.

    It is the pair with the most merges in all words together, each word taken as often as it occurs. No pair
    crosses from one word to another. Of equal pairs the smaller one wins, compared as tuples: the left token
    first, then the right.

    Parameters
    ----------
    words : dict from tuple of int to int
        The tokens of each word, and how often the word occurs. Some word has two tokens or more.

    Returns
    -------
    tuple of (int, int)
        The best pair, the left token first.

    Examples
    --------
    (1, 2) occurs once in each of three words, (8, 9) twice in one:

    >>> best_pair({(1, 2): 3, (8, 9, 8, 9): 1})
    (1, 2)
    """
    raise NotImplementedError
