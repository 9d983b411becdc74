"""An operation table that never falls back in silence.

Exercise 21.1 · 21_the_gpu_decoder · easy · 15 minutes

Two rules make a table of backends trustworthy. `auto` may choose, but what was asked for by name is never
replaced by something else. And a gap in a backend's row is filled by the plain version, but only for what is
an operation at all. Write both.
"""


def choose(wanted: str, device: str, backends: dict[str, tuple[list[str], str | None]]) -> str:
    """Return the name of the backend that computes with tensors on `device`.

    A backend can run if there is no reason why not, and if it has the device. ``"auto"`` is the first that
    can, in the order of `backends`.

    Parameters
    ----------
    wanted : str
        ``"auto"``, or the name of a backend.
    device : str
        Where the tensors are: ``"cpu"`` or ``"cuda"``.
    backends : dict of str to (list of str, str or None)
        For each backend, best first: the devices whose tensors it takes, and why it cannot run on this
        machine, or None. One that takes every device and can always run is among them.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If `wanted` is neither ``"auto"`` nor a backend, or a backend that cannot run.

    Examples
    --------
    >>> backends = {"triton": (["cuda"], "no GPU"), "cpp": (["cpu"], None), "eager": (["cpu", "cuda"], None)}
    >>> choose("auto", "cpu", backends), choose("auto", "cuda", backends), choose("eager", "cpu", backends)
    ('cpp', 'eager', 'eager')
    >>> choose("triton", "cuda", backends)
    Traceback (most recent call last):
        ...
    ValueError: backend 'triton' cannot run: no GPU
    """
    raise NotImplementedError


def look_up(rows: dict[str, dict[str, str]], backend: str, operation: str) -> str:
    """Return who computes `operation` on `backend`: its own entry, or the row ``"eager"``'s.

    Parameters
    ----------
    rows : dict of str to dict of str to str
        For each backend the entries of its row, by operation. The row ``"eager"`` has every operation there
        is; what it lacks is none, whatever the other rows hold.
    backend : str
        One of the rows.
    operation : str
        Its name.

    Returns
    -------
    str
        The entry.

    Raises
    ------
    AttributeError
        If `operation` is none.

    Examples
    --------
    >>> rows = {"eager": {"rope": "plain rope", "norm": "plain norm"}, "cpp": {"norm": "norm in C"}}
    >>> look_up(rows, "cpp", "norm"), look_up(rows, "cpp", "rope")
    ('norm in C', 'plain rope')
    """
    raise NotImplementedError
