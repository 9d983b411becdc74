"""Which keys a tile of queries needs.

Exercise 19.2 · 19_flash_attention · medium · 20 minutes

A program holds M queries. Before it loads a single key it must know where to begin, where to end, and how
many keys in between need no mask. The queries are the last T of S positions; a window may limit how far back
each one looks.
"""


def keys_needed(tile: int, M: int, T: int, S: int, window: int | None) -> tuple[int, int, int]:
    r"""Return the first key that some query of the tile sees, the end, and how many keys all of them see.

    Query t stands at position $S - T + t$ and sees the keys from $\max(0,\ position - window + 1)$ to its own
    position, or from 0 without a window.

    Parameters
    ----------
    tile : int
        Its queries are ``tile * M`` up to ``tile * M + M``, as far as there are any.
    M : int
        Queries a tile.
    T, S : int
        Queries and keys, T at most S.
    window : int or None
        How many keys a query sees at most, its own included.

    Returns
    -------
    int
        The first key that any of the queries sees.
    int
        One more than the last.
    int
        How many keys every one of them sees: 0 or more.

    Examples
    --------
    Queries 2 and 3 of four: they see keys 0 to 2 and 0 to 3.

    >>> keys_needed(1, M=2, T=4, S=4, window=None)
    (0, 4, 3)

    With two keys each: 1 and 2, 2 and 3.

    >>> keys_needed(1, M=2, T=4, S=4, window=2)
    (1, 4, 1)
    """
    raise NotImplementedError
