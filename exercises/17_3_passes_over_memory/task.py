"""Passes over memory.

Exercise 17.3 · 17_where_the_time_goes · medium · 20 minutes

An expression in PyTorch is a chain of steps, and each goes to memory and back. One kernel for the whole chain
would not. Count the bytes of both.
"""


def traffic(
    steps: list[tuple[str, tuple[str, ...]]], sizes: dict[str, int], wanted: set[str]
) -> tuple[int, int]:
    """Return the bytes that the steps move one by one, and the bytes that one fused kernel must move.

    One by one, each step reads its inputs from memory, each distinct one once (``x * x`` reads x once), and
    writes its output. Fused, every number comes from memory at most once and goes there at most once: what
    no step makes is read once if a step needs it, and of what steps make only the wanted is written.

    Parameters
    ----------
    steps : list of (str, tuple of str)
        In order: the name of the tensor that the step makes, and the names of its inputs. No name is made
        twice.
    sizes : dict from str to int
        Bytes of each tensor. May hold tensors that no step uses.
    wanted : set of str
        The results: tensors that some step makes and that are needed afterwards.

    Returns
    -------
    int
        Bytes, one by one.
    int
        Bytes, fused.

    Examples
    --------
    ``y = x * x + x`` on 100 bytes. One by one: x in, s out; s and x in, y out. Fused: x in, y out.

    >>> steps = [("s", ("x", "x")), ("y", ("s", "x"))]
    >>> traffic(steps, {"x": 100, "s": 100, "y": 100}, {"y"})
    (500, 200)

    Where s is wanted too, it must be written, and need not be read back:

    >>> traffic(steps, {"x": 100, "s": 100, "y": 100}, {"s", "y"})
    (500, 300)
    """
    raise NotImplementedError
