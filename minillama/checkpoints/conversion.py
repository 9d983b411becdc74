"""From a checkpoint in one format to one in another, one tensor at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from .dtypes import FLOATS
from .formats import FORMATS, Progress, open_source, write
from .source import Recast, Source


class Converted(NamedTuple):
    """What a conversion did.

    Attributes
    ----------
    source, target : Path
    source_format, format : str
    n_tensors, n_bytes : int
        Bytes on the disk of the target.
    """

    source: Path
    target: Path
    source_format: str
    format: str
    n_tensors: int
    n_bytes: int


def convert(
    source: str | Path,
    target: str | Path,
    format: str | None = None,
    dtype: str | None = None,
    force: bool = False,
    begin: Callable[[Source], Progress] | None = None,
) -> Converted:
    """Write a checkpoint in another format; in memory there is one tensor at a time, and the tokenizer.

    Parameters
    ----------
    source : path
        A checkpoint of any format.
    target : path
        A directory, or with ``"gguf"`` a file. It must not exist, unless `force` allows to replace it.
    format : str, optional
        Of the target. None: ``"gguf"`` if its name ends so, else ``"native"``.
    dtype : str, optional
        Weights are rounded to ``"float32"``, ``"bfloat16"``, ``"float16"`` or ``"float64"``. None: as they
        are; quantised ones become float32.
    begin : callable, optional
        Gets the source when it has been opened; what it returns is told the bytes of each tensor.

    Raises
    ------
    CheckpointError
        If the source is broken.
    ValueError
        If the target is there, or cannot express the source.
    OSError
        If the disk is full or not writable; what was there before stays whole.

    Examples
    --------
    >>> import tempfile, minillama
    >>> folder = Path(tempfile.mkdtemp())
    >>> minillama.save(minillama.Llama(minillama.LlamaConfig(n_layers=1)), None, folder / "a")
    >>> convert(folder / "a", folder / "b.gguf", dtype="bfloat16").format
    'gguf'
    """
    source, target = Path(source), Path(target)
    format = format or ("gguf" if target.suffix == ".gguf" else "native")
    if format not in FORMATS:
        raise ValueError(f"format is {format!r}: expected one of {', '.join(FORMATS)}")
    if dtype is not None and dtype not in FLOATS.values():
        raise ValueError(f"dtype is {dtype!r}: expected one of {', '.join(FLOATS.values())}")
    if target.exists() and not force:
        raise ValueError(f"{target} is there already: name another place, or have it replaced (--force)")
    with open_source(source) as opened:
        progress = None if begin is None else begin(opened)
        short = next((name for name, theirs in FLOATS.items() if theirs == dtype), None)
        write(opened if short is None else Recast(opened, short), target, format, progress)
        files = [target] if target.is_file() else [file for file in target.iterdir() if file.is_file()]
        size = sum(file.stat().st_size for file in files)
        return Converted(source, target, opened.format, format, len(opened.tensors), size)
