"""Checkpoints on disk in four formats: the package's own, Hugging Face's, Meta's, and GGUF.

`load` and `save` work on models in memory, `convert` from file to file, one tensor at a time. Importing this
imports no torch: that waits until a model is made.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .conversion import Converted, convert
from .errors import CheckpointError
from .formats import FORMATS, open_source, write
from .native import TrainingState, load_for_training
from .source import Source, TensorInfo

if TYPE_CHECKING:
    import torch

    from ..model import Llama
    from ..tokenizer import Tokenizer

__all__ = [
    "FORMATS",
    "CheckpointError",
    "Converted",
    "Source",
    "TensorInfo",
    "TrainingState",
    "convert",
    "load",
    "load_for_training",
    "open_source",
    "save",
]

QUANTIZATIONS = ("q8_0", "q4_0", "q4_1", "q4_k", "q6_k")


def load(path: str | Path, dtype: torch.dtype | str | None = "float32") -> tuple[Llama, Tokenizer | None]:
    """Read a model and its tokenizer; what is there says which format it is.

    Parameters
    ----------
    path : path
        A directory of ours, of Hugging Face's or of Meta's format, or a GGUF file.
    dtype : torch.dtype or its name, optional
        Of the model, float32 if nothing is said. None: the smallest that holds every stored weight exactly.

    Returns
    -------
    model : Llama
    tokenizer : Tokenizer or None
        None if the checkpoint holds none.

    Raises
    ------
    CheckpointError
        If nothing is there, or what is there is broken or no LLaMA: the text says which file, what was
        expected and what was found. Nothing large is allocated before shapes and sizes have been checked.
    ValueError
        If `dtype` is no floating-point dtype of torch.

    Examples
    --------
    >>> import tempfile, minillama
    >>> folder = tempfile.mkdtemp()
    >>> save(minillama.Llama(minillama.LlamaConfig(n_layers=1)), None, folder)
    >>> model, tokenizer = load(folder)
    >>> model.cfg.n_layers, tokenizer
    (1, None)
    """
    from .torch_side import build, float_dtype

    wanted = float_dtype(dtype)
    with open_source(path) as source:
        tokenizer = source.tokenizer
        return build(source, wanted), tokenizer


def save(
    model: Llama,
    tokenizer: Tokenizer | None,
    path: str | Path,
    format: str = "native",
    quantization: str | None = None,
    max_shard_bytes: int = 5 * 10**9,
) -> None:
    """Write a model and its tokenizer, whole or not at all.

    Parameters
    ----------
    model : Llama
    tokenizer : Tokenizer or None
    path : path
        A directory; with ``"gguf"`` a file.
    format : str
        ``"native"``: the package's own. ``"hf"``: what transformers loads. ``"gguf"``: what llama.cpp loads.
        ``"meta"``: ``params.json`` and ``consolidated.00.pth``. All but the first give up on what they cannot
        express, such as a sliding window in GGUF, before anything is written.
    quantization : str, optional
        None: weights as they are.
    max_shard_bytes : int
        With ``"hf"``: weights are spread over files of at most this many bytes.

    Raises
    ------
    ValueError
        If the format or quantization is not known, or the format cannot express the model or tokenizer.
    OSError
        If the disk is full or not writable; what was there before stays whole.
    """
    from .torch_side import ModelSource

    if format not in FORMATS:
        raise ValueError(f"format is {format!r}: expected {', '.join(map(repr, FORMATS))}")
    if quantization is not None:
        raise ValueError(
            f"quantization is {quantization!r}: expected None; {', '.join(QUANTIZATIONS)} come with Part IV,"
            " chapter 23"
        )
    if max_shard_bytes < 1:
        raise ValueError(f"max_shard_bytes is {max_shard_bytes}: expected at least 1")
    write(ModelSource(model, tokenizer), path, format, max_shard_bytes=max_shard_bytes)
