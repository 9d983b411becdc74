"""Count n-grams.

Exercise 03.1 · 03_predicting_the_next_token · easy · 15 minutes

A counting model is a table: for each context of n - 1 tokens, how often each token followed it. Write the
table. Every token of every document is predicted once, the first ones too: before a document stand n - 1
copies of a token that says "it begins here". Documents know nothing of each other.
"""


def count_ngrams(documents: list[list[int]], n: int, begin: int) -> dict[tuple[int, ...], dict[int, int]]:
    """Return how often each token followed each context of n - 1 tokens.

    Parameters
    ----------
    documents : list of list of int
        The tokens of each document. A document may be empty.
    n : int
        The order, 1 or more. With n = 1 there is one context, the empty tuple.
    begin : int
        The token that stands before the first one, as often as the context needs it. It occurs in no document
        and is never predicted.

    Returns
    -------
    dict from tuple of int to dict from int to int
        For each context that occurs, oldest token first, the counts of what followed. No count is 0.

    Examples
    --------
    >>> table = count_ngrams([[5, 6, 6], [5, 7]], n=2, begin=0)
    >>> table == {(0,): {5: 2}, (5,): {6: 1, 7: 1}, (6,): {6: 1}}
    True
    """
    raise NotImplementedError
