"""Backends of the operations that the model is made of, and the one switch between them.

The model calls `minillama.kernels.ops`; which code runs is decided here, by name:
``eager`` is plain PyTorch and the specification of every other backend. The fused ones
(``cpp``, ``triton``, ``triton-interpret``) join the same table as they are written.

The environment variable ``MINILLAMA_BACKEND`` (a backend's name, or ``auto``) chooses at start.
"""

from __future__ import annotations

import os

KNOWN = ("eager", "cpp", "triton", "triton-interpret")

_chosen: str | None = None


def available() -> list[str]:
    """Return the names of the backends that can run on this machine.

    Examples
    --------
    >>> "eager" in available()
    True
    """
    return ["eager"]


def use(name: str) -> None:
    """Choose the backend for every operation from here on.

    Parameters
    ----------
    name : str
        One of `available()`, or ``"auto"`` for the best of them.

    Raises
    ------
    ValueError
        If `name` is unknown, or known but unable to run here. A backend that was asked for by
        name is never replaced silently by another.

    Examples
    --------
    >>> use("eager"); backend()
    'eager'
    """
    global _chosen
    if name == "auto":
        name = available()[-1]
    if name not in KNOWN:
        raise ValueError(f"unknown backend {name!r}: expected one of {', '.join(('auto', *KNOWN))}")
    if name not in available():
        raise ValueError(f"backend {name!r} cannot run here: available are {', '.join(available())}")
    _chosen = name


def backend() -> str:
    """Return the name of the backend in use, reading ``MINILLAMA_BACKEND`` at the first call."""
    if _chosen is None:
        use(os.environ.get("MINILLAMA_BACKEND", "auto"))
    assert _chosen is not None
    return _chosen
