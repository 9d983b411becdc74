"""Backends of the operations that the model is made of, and the one switch between them.

The model calls `minillama.kernels.ops`; which code runs is decided here, by name:

    eager             plain PyTorch, the specification of the others     everywhere
    cpp               fused C kernels, compiled at first use             a C compiler; CPU tensors
    triton            fused GPU kernels                                  triton, a GPU; its tensors
    triton-interpret  the same kernels, block by block in Python: to     triton; CPU tensors; slow
                      test and to learn from, never chosen by itself

The environment variable ``MINILLAMA_BACKEND`` (one of these, or ``auto``) chooses at start. ``auto``, the
default, is triton for tensors on a GPU where it can run, cpp for those on a CPU where it can be compiled
(else one notice, and eager), and eager elsewhere. What a fused kernel does not take, eager computes.
"""

from __future__ import annotations

import importlib.util
import logging
import os

import torch

KNOWN = ("eager", "cpp", "triton", "triton-interpret")

_chosen: str | None = None
_auto: dict[str, str] = {}  # device type -> what ``auto`` means there

if os.environ.get("MINILLAMA_BACKEND") == "triton-interpret":
    os.environ["TRITON_INTERPRET"] = "1"  # before anyone imports triton


def available() -> list[str]:
    """Return the names of the backends that can run on this machine.

    Examples
    --------
    >>> "eager" in available()
    True
    """
    return [name for name in KNOWN if unable(name) is None]


def unable(name: str) -> str | None:
    """Return why the backend `name` cannot run here, in one line, or None if it can."""
    if name == "cpp":
        from .cpu.build import BuildError, library

        try:
            library()
        except BuildError as error:
            return str(error)
    if name.startswith("triton"):
        if importlib.util.find_spec("triton") is None:
            return "triton is not installed: pip install 'minillama[gpu]' (Linux)"
        interpreted = os.environ.get("TRITON_INTERPRET") == "1"
        if name == "triton" and not torch.cuda.is_available():
            return "PyTorch sees no GPU"
        if name == "triton" and interpreted:
            return "TRITON_INTERPRET=1 is set: in this process Triton's kernels are interpreted"
        if name == "triton-interpret" and "triton" in _made():
            return (
                "this process has compiled Triton kernels: start another with "
                "MINILLAMA_BACKEND=triton-interpret"
            )
    return None


def use(name: str) -> None:
    """Choose the backend for every operation from here on.

    Parameters
    ----------
    name : str
        One of `available()`, or ``"auto"`` for the best of them on each tensor's device.

    Raises
    ------
    ValueError
        If `name` is unknown, or known but unable to run here. A backend that was asked for by
        name is never replaced silently by another.

    Examples
    --------
    >>> before = backend()
    >>> use("eager"); backend()
    'eager'
    >>> use(before)
    """
    global _chosen
    if name not in ("auto", *KNOWN):
        raise ValueError(f"unknown backend {name!r}: expected one of {', '.join(('auto', *KNOWN))}")
    reason = None if name == "auto" else unable(name)
    if reason is not None:
        raise ValueError(f"backend {name!r} cannot run here: {reason}")
    if name == "triton-interpret":
        from .triton.interpreter import enable

        enable()
    _chosen = name


def chosen() -> str:
    """Return what was asked for, a backend or ``auto``; reads ``MINILLAMA_BACKEND`` at the first call."""
    if _chosen is None:
        use(os.environ.get("MINILLAMA_BACKEND", "auto"))
    assert _chosen is not None
    return _chosen


def backend(device: str = "cpu") -> str:
    """Return the name of the backend that computes with tensors on `device`, "cpu" or "cuda"."""
    name = chosen()
    if name != "auto":
        return name
    if device not in _auto:
        _auto[device] = _best(device)
    return _auto[device]


def _best(device: str) -> str:
    """Return what ``auto`` means on `device`."""
    if device == "cuda" and unable("triton") is None:
        return "triton"
    if device == "cpu":
        reason = unable("cpp")
        if reason is None:
            return "cpp"
        logging.getLogger(__name__).warning("kernels in plain PyTorch, for want of compiled ones: %s", reason)
    return "eager"


def _made() -> set[str]:
    """Return the backends whose operators exist in this process."""
    from . import ops

    return set(ops._TABLE)
