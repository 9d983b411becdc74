"""The one error that a tokenizer file can raise."""


class TokenizerError(ValueError):
    """A tokenizer file is not what it should be: the message names file, place, expected and found.

    Being a ``ValueError``, it is caught wherever bad input is caught.

    Examples
    --------
    >>> from minillama.tokenizer import Tokenizer, TokenizerError
    >>> try:
    ...     Tokenizer.load("no/such/tokenizer.json")
    ... except TokenizerError as error:
    ...     print(error)
    no/such/tokenizer.json: no such file; expected a tokenizer file
    """
