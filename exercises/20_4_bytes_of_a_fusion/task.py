r"""The bytes of a fusion.

Exercise 20.4 · 20_fused_cross_entropy_and_adamw · easy · 15 minutes

Before anybody writes a kernel: what would it gain? A list of steps, each reading some arrays and writing one,
can run as it is written, or as one kernel that keeps in registers whatever it can. Count both.
"""


def fusion_bytes(
    steps: list[tuple[str, tuple[str, ...]]], sizes: dict[str, int], kept: set[str]
) -> tuple[int, int]:
    r"""Return the bytes moved step by step, and the least that one kernel for all steps moves.

    Step by step, each reads every array that it needs once, however often the array's name stands there, and
    writes its result. The kernel loads what it needs from before its start, once; it stores what is still
    needed after its end, once; anything else never leaves the registers.

    Parameters
    ----------
    steps : list of (str, tuple of str)
        The name that a step writes, and those that it reads, in order. A name may be written again: from then
        on it means the new values. No step reads a name that is neither there before nor written by then.
    sizes : dict of str to int
        Bytes of each array.
    kept : set of str
        Which arrays are still needed afterwards. Those that no step writes stay where they are.

    Returns
    -------
    int
        Bytes that all steps together move.
    int
        Bytes that the kernel moves.

    Examples
    --------
    y = x x, then z = y + x, and only z is wanted. Four bytes each: 8 + 12, or x in and z out.

    >>> fusion_bytes([("y", ("x", "x")), ("z", ("y", "x"))], {"x": 4, "y": 4, "z": 4}, {"z"})
    (20, 8)
    """
    raise NotImplementedError
