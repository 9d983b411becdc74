r"""A fair fight.

Exercise 08.5 · 08_swiglu · medium · 15 minutes

Whoever compares a gated layer with a plain one compares budgets, unless the widths are chosen well. Given a
plain layer of two matrices, how wide may a gated layer of three be? With biases the two-thirds rule is not
exact any more: count.
"""


def gated_width(dim: int, plain_width: int, bias: bool = False) -> int:
    r"""Return the largest width of a gated layer that has no more parameters than the plain one.

    Plain: `w_up` and `w_down`. Gated: `w_gate`, `w_up` and `w_down`. Each matrix connects `dim` channels
    with the units. With `bias`, each matrix has one more number for each of its *outputs*.

    Parameters
    ----------
    dim : int
        Channels of the residual stream.
    plain_width : int
        Units of the plain layer.
    bias : bool
        Whether the matrices of both layers have biases.

    Returns
    -------
    int
        Units of the gated layer; 0 if not even one can be paid for.

    Examples
    --------
    2 · 6 · 9 = 108 parameters pay for 6 gated units of 18:

    >>> gated_width(dim=6, plain_width=9)
    6

    With biases, 108 + 9 + 6 = 123. Six gated units would come to 108 + 12 + 6 = 126:

    >>> gated_width(dim=6, plain_width=9, bias=True)
    5
    """
    raise NotImplementedError
