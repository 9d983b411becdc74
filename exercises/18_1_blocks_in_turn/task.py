"""Few programs, many blocks.

Exercise 18.1 · 18_first_triton_kernels · easy · 15 minutes

The chapter's `add` starts a program for each block. Often one wants fewer: as many as the GPU can run at
once, each taking every P-th block, and keeping in registers what they share. Write such a kernel for your
block machine. n need not be a multiple of BLOCK, and there may be more programs than blocks.
"""

from typing import Any


def scaled_add(m: Any, x: int, y: int, out: int, factor: float, n: int, BLOCK: int) -> None:
    r"""Write $\mathrm{factor} \cdot x + y$ to `out`, block by block, as one of `m.programs` programs.

    Block b holds the elements $b \cdot \mathrm{BLOCK}$ to $(b + 1) \cdot \mathrm{BLOCK} - 1$. Program p takes
    the blocks $p, p + P, p + 2P, \ldots$ with P programs in all.

    Parameters
    ----------
    m : block machine
        The chapter's: `m.program` and `m.programs`, `m.load(address, mask, other)`, `m.store(address, values,
        mask)` with arrays of addresses.
    x, y, out : int
        Addresses of the first element of three arrays of n elements.
    factor : float
    n, BLOCK : int

    Returns
    -------
    None
        The result is what was stored.

    Examples
    --------
    A machine of one program, x at address 0, y at 3, out at 6:

    >>> import numpy as np
    >>> from types import SimpleNamespace
    >>> memory = np.array([1.0, 2.0, 3.0, 10.0, 20.0, 30.0, 0.0, 0.0, 0.0])
    >>> def load(address, mask, other=np.nan):
    ...     return np.where(mask, memory[np.where(mask, address, 0)], other)
    >>> def store(address, values, mask):
    ...     memory[address[mask]] = values[mask]
    >>> m = SimpleNamespace(program=0, programs=1, load=load, store=store)
    >>> scaled_add(m, 0, 3, 6, factor=2.0, n=3, BLOCK=2)
    >>> memory[6:].tolist()
    [12.0, 24.0, 36.0]
    """
    raise NotImplementedError
