"""Windows that slide.

Exercise 16.1 · 16_evaluation · medium · 20 minutes

A text is longer than the model's context. Plan the windows: what each one reads, and what it scores, so that
every token is scored exactly once and no window reads less than it could.
"""


def plan_windows(length: int, context: int, stride: int) -> list[tuple[int, int, int]]:
    """Return the windows as triples (first input, first scored, end).

    The tokens of the text have the positions 0 to length - 1; position -1 is the token before the text. The
    model predicts token i from inputs that end at position i - 1, and reads `context` inputs at most. The
    first window scores as many tokens as its context allows; each further one scores `stride` more, the last
    one what is left. Each window reads as many inputs as fit.

    Parameters
    ----------
    length : int
        Tokens of the text, 0 or more.
    context : int
        Inputs of a window at most.
    stride : int
        Tokens that each window after the first scores, 1 to `context`.

    Returns
    -------
    list of (int, int, int)
        A window reads the positions from `first input` to `end` - 2, and scores `first scored` to `end` - 1.

    Examples
    --------
    Five inputs fit. The second window scores 5, 6, 7 and reads 2 to 6; two tokens are left for the third.

    >>> plan_windows(length=10, context=5, stride=3)
    [(-1, 0, 5), (2, 5, 8), (4, 8, 10)]
    """
    raise NotImplementedError
