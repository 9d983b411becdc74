"""Which format is it? One reader and one writer for each, and the way from any to any.

::

    load       file ── Source ── model
    save             model as Source ── writer ── file
    convert    file ── Source ── writer ── file          one tensor at a time
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .errors import CheckpointError
from .native import NativeSource, write_native
from .source import Source

FORMATS = ("native",)
Progress = Callable[[int], None]


def open_source(path: str | Path) -> Source:
    """Open a checkpoint of any format: its content says which.

    Parameters
    ----------
    path : path
        A directory of ours, Hugging Face's or Meta's, or a GGUF file.

    Returns
    -------
    Source
        A context manager; configuration and shapes have been checked, no weights have been read.

    Raises
    ------
    CheckpointError
        If nothing is there, or what is there is broken.

    Examples
    --------
    >>> open_source("nowhere")
    Traceback (most recent call last):
        ...
    minillama.checkpoints.errors.CheckpointError: nowhere: no checkpoint here (there is no such file)
    """
    path = Path(path)
    try:
        if not path.exists():
            raise CheckpointError(f"{path}: no checkpoint here (there is no such file)")
        return NativeSource(path)
    except OSError as error:
        raise CheckpointError(f"{error.filename or path}: cannot be read: {error.strerror}") from None


def write(
    source: Source,
    path: str | Path,
    format: str,
    progress: Progress | None = None,
) -> None:
    """Write a source in a format, whole or not at all; ValueError if the format cannot express it."""
    write_native(source, Path(path), progress)
