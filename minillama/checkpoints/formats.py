"""Which format is it? One reader and one writer for each, and the way from any to any.

::

    load       file ── Source ── model
    save                         model as Source ── writer ── file
    convert    file ── Source ───────────────────── writer ── file          one tensor at a time
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from . import gguf, gguf_writer, hf, hf_writer, native
from .errors import CheckpointError
from .source import Source

FORMATS = ("native", "hf", "gguf", "meta")
PARAMS = "params.json"
Progress = Callable[[int], None]


def detect(path: Path) -> str:
    """Say which format a checkpoint has, by what is there.

    Raises
    ------
    CheckpointError
        If it is none that is known.
    """
    if not path.exists():
        raise CheckpointError(f"{path}: no checkpoint here (there is no such file)")
    found = _format_of(path)
    if found is None:
        raise CheckpointError(
            f"{path}: no checkpoint here (expected a GGUF file, or a directory with {native.FILE},"
            f" {hf.CONFIG} or {PARAMS})"
        )
    return found


def open_source(path: str | Path) -> Source:
    """Open a checkpoint of any format: its content says which.

    Parameters
    ----------
    path : path
        A directory of ours, Hugging Face's or Meta's, or a GGUF file.

    Returns
    -------
    Source
        A context manager; configuration and shapes have been checked, no large weights have been read.

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
        return READERS[detect(path)](path)
    except OSError as error:
        raise CheckpointError(f"{error.filename or path}: cannot be read: {error.strerror}") from None
    except RecursionError:
        raise CheckpointError(f"{path}: is nested too deeply; expected a few levels") from None


def write(
    source: Source,
    path: str | Path,
    format: str,
    progress: Progress | None = None,
    max_shard_bytes: int = hf_writer.MAX_SHARD_BYTES,
) -> None:
    """Write a source in a format, whole or not at all; `minillama.checkpoints.save` says how.

    Raises
    ------
    ValueError
        If the format cannot express the model, or another format's checkpoint is in the way.
    """
    path = Path(path)
    _check_target(path, format)
    if format == "hf":
        hf_writer.write_hf(source, path, progress, max_shard_bytes)
    elif format == "gguf":
        gguf_writer.write_gguf(source, path, progress)
    elif format == "meta":
        from .meta import write_meta

        write_meta(source, path, progress)
    else:
        native.write_native(source, path, progress)


def _sharded(path: Path) -> Source:
    """Open what several processes wrote; this alone needs torch."""
    from .sharded_source import ShardedSource

    return ShardedSource(path)


def _open_meta(path: Path) -> Source:
    """Open a directory of Meta's, by way of torch."""
    from .meta import MetaSource

    return MetaSource(path)


READERS: dict[str, Callable[[Path], Source]] = {
    "native": native.NativeSource,
    "hf": hf.HFSource,
    "gguf": gguf.GGUFSource,
    "meta": _open_meta,
    "sharded": _sharded,
}


def _format_of(path: Path) -> str | None:
    """Return the format of what is there, or None."""
    if path.is_file():
        with path.open("rb") as file:
            return "gguf" if path.suffix == ".gguf" or file.read(4) == b"GGUF" else None
    if (path / native.FILE).is_file():
        return "native"
    if (path / hf.CONFIG).is_file():
        return "hf"
    if (path / PARAMS).is_file() or any(path.glob("consolidated.*.pth")):
        return "meta"
    if any(path.glob("shards-*/shards.json")):
        return "sharded"
    return None


def _check_target(path: Path, format: str) -> None:
    """Refuse to write where something else is, which would be lost, or be found in the new one's place."""
    if format == "gguf":
        if path.is_dir():
            raise ValueError(f"{path} is a directory: expected a file, such as {path / 'model.gguf'}")
        return
    if not path.is_dir():
        if path.exists():
            raise ValueError(f"{path} is a file: expected a directory, new or old, for format {format!r}")
        return
    there = _format_of(path)
    if there not in (None, format):
        raise ValueError(f"{path} holds a checkpoint of format {there!r}: choose another directory")
