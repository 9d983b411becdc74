"""Checkpoints on disk: the package's own format; foreign ones join by one adapter each."""

from __future__ import annotations

from pathlib import Path

from ..model import Llama
from ..tokenizer import Tokenizer
from .errors import CheckpointError
from .native import TrainingState, load_for_training, load_native, save_native

__all__ = ["CheckpointError", "TrainingState", "load", "load_for_training", "save"]


def load(path: str | Path) -> tuple[Llama, Tokenizer | None]:
    """Read a model and its tokenizer from a checkpoint directory.

    Parameters
    ----------
    path : path
        A directory that `save` or a training run wrote.

    Returns
    -------
    model : Llama
    tokenizer : Tokenizer or None
        None if the checkpoint was saved without one.

    Raises
    ------
    CheckpointError
        If nothing is there, or what is there is broken: the text says which file, what and where.
    """
    return load_native(path)


def save(
    model: Llama,
    tokenizer: Tokenizer | None,
    path: str | Path,
    format: str = "native",
    quantization: str | None = None,
) -> None:
    """Write a model and its tokenizer into the directory `path`, whole or not at all.

    Parameters
    ----------
    model : Llama
    tokenizer : Tokenizer or None
    path : path
    format : str
        ``"native"``, the package's own.
    quantization : str, optional
        None: weights as they are.

    Raises
    ------
    ValueError
        If the format or quantization is not known.
    OSError
        If the disk is full or not writable; what was there before stays whole.
    """
    if format != "native":
        raise ValueError(f"format is {format!r}: expected 'native'")
    if quantization is not None:
        raise ValueError(f"quantization is {quantization!r}: expected None with the native format")
    save_native(model, tokenizer, path)
