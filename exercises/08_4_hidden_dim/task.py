r"""Where 11008 comes from.

Exercise 08.4 · 08_swiglu · easy · 10 minutes

LLaMA 7B has 4096 channels, and its feed-forward layers are 11008 wide. Write the rule by which Meta's
program finds that number, and those of all its successors: two thirds of four times the channels, a
multiplier, a multiple.
"""


def hidden_dim(dim: int, multiplier: float = 1.0, multiple_of: int = 256) -> int:
    r"""Return the width of the feed-forward layer.

    Three steps: $\frac23\cdot 4\cdot$ `dim`, rounded down to a whole number; times `multiplier`, rounded
    down; then up to the next multiple of `multiple_of` (a number that is one already stays).

    Parameters
    ----------
    dim : int
        Channels of the residual stream.
    multiplier : float
        1.3 in Llama 2 70B, for example.
    multiple_of : int

    Returns
    -------
    int

    Examples
    --------
    8/3 of 4096 is 10922.67, and 43 times 256 is the first multiple of 256 above it:

    >>> hidden_dim(4096)
    11008
    >>> hidden_dim(8192, multiplier=1.3, multiple_of=4096)
    28672
    """
    raise NotImplementedError
