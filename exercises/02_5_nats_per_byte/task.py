"""Nats per byte.

Exercise 02.5 · 02_tokens · easy · 10 minutes

Model A reports a loss of 2.1 nats per token, model B one of 2.9, on the same text. Nobody can say which
is better before knowing how each one cut the text: the loss divides by the number of tokens, and that is
the tokenizer's choice. The bytes of the text are the same for both. Write the number by which models can
be compared.
"""


def nats_per_byte(loss: float, n_tokens: int, text: str) -> float:
    """Return a model's loss per byte of text.

    The nats of the whole text, -ln p(text), divided by its bytes in UTF-8.

    Parameters
    ----------
    loss : float
        Mean over the tokens of -ln p(token), in nats per token.
    n_tokens : int
        How many tokens the text was cut into.
    text : str
        The text. Not empty.

    Returns
    -------
    float
        Nats per byte.

    Examples
    --------
    Four tokens of 3 nats each are 12 nats, for 6 bytes:

    >>> nats_per_byte(3.0, n_tokens=4, text="llamas")
    2.0
    """
    raise NotImplementedError
