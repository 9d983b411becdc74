r"""Pack documents into rows.

Exercise 12.4 · 12_data · medium · 25 minutes

Documents are joined to one stream, each framed by *bos* and *eos*, and the stream is cut into rows of $T$
tokens. For every position a training run needs three numbers: the token, the target and the document. The
target is the next token of the stream. Where the next token is a *bos*, another document begins, which
nothing could have told: the target is then $-100$, which the loss leaves out.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int64


def pack(
    texts: Sequence[Sequence[int]], T: int, bos: int, eos: int
) -> tuple[Int64[np.ndarray, "R T"], Int64[np.ndarray, "R T"], Int64[np.ndarray, "R T"]]:
    r"""Return tokens, targets and documents of all rows that the joined texts fill.

    A row is full if each of its $T$ positions has a token and is followed by one: $R$ is as large as the
    stream allows, and the rest is left out.

    Parameters
    ----------
    texts : sequence of sequences of int
        Token ids, without bos and eos; a text may be empty.
    T : int
        Tokens a row.
    bos, eos : int
        Ids that begin and end each text; they do not occur within one.

    Returns
    -------
    tokens : int64 array, shape (R, T)
    targets : int64 array, shape (R, T)
        The next token of the stream, at the end of a row the first one of the next; -100 where it is a bos.
    documents : int64 array, shape (R, T)
        Number of the text that each token comes from, from 0, over all rows; bos and eos are of their text.

    Examples
    --------
    >>> tokens, targets, documents = pack([[1, 2], [3]], T=3, bos=8, eos=9)
    >>> tokens.tolist()
    [[8, 1, 2], [9, 8, 3]]
    >>> targets.tolist()
    [[1, 2, 9], [-100, 3, 9]]
    >>> documents.tolist()
    [[0, 0, 0], [0, 1, 1]]
    """
    raise NotImplementedError
