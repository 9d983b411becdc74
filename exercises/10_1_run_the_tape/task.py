"""Run a tape backward.

Exercise 10.1 · 10_from_numpy_to_pytorch · medium · 20 minutes

A tape is a list of operations in the order in which they were done. Values are numbered: first the inputs,
then the result of each operation. Run it forward, then backward, and you have written automatic
differentiation:

    inputs [a, b]           value 0 = a, value 1 = b
    ("mul", 0, 1)           value 2 = a b
    ("add", 2, 0)           value 3 = a b + a

The derivatives of value 3 by a and b are b + 1 and a.
"""

from collections.abc import Sequence


def gradients(inputs: Sequence[float], tape: Sequence[tuple]) -> list[float]:
    """Return the derivative of the tape's last value by each input.

    Parameters
    ----------
    inputs : sequence of float
        Values 0 to n - 1.
    tape : sequence of tuples
        Each is ("add", i, j), ("mul", i, j) or ("exp", i): the operation, and the numbers of the values it
        takes, which may be inputs or results, and twice the same. May be empty: then the last value is
        the last input.

    Returns
    -------
    list of float
        One derivative for each input; 0.0 where the last value does not depend on it.

    Examples
    --------
    >>> gradients([3.0, 5.0], [("mul", 0, 1), ("add", 2, 0)])
    [6.0, 3.0]
    >>> gradients([3.0], [("mul", 0, 0)])
    [6.0]
    """
    raise NotImplementedError
