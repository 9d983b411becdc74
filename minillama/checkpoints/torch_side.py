"""Between checkpoints and torch: a source becomes a model, a model becomes a source."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from ..model import Llama
from ..tokenizer import Tokenizer
from .dtypes import FLOATS, Array
from .errors import CheckpointError
from .source import Source, TensorInfo

TORCH: dict[str, torch.dtype] = {
    **{name: getattr(torch, theirs) for name, theirs in FLOATS.items()},
    "I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8,
    "U8": torch.uint8, "BOOL": torch.bool,
}  # fmt: skip
"""Torch's dtypes by their names in files."""
NAMES = {dtype: name for name, dtype in TORCH.items()}


def to_tensor(array: Array, dtype: str) -> Tensor:
    """Return a tensor that shares an array's memory.

    Examples
    --------
    >>> import numpy as np
    >>> to_tensor(np.array([16256], np.uint16), "BF16")
    tensor([1.], dtype=torch.bfloat16)
    """
    if dtype not in TORCH:
        raise CheckpointError(f"torch has no dtype for {dtype}")
    return torch.from_numpy(array).view(TORCH[dtype])


def to_array(tensor: Tensor) -> Array:
    """Return a tensor's numbers; those of bfloat16 as their bits.

    Raises
    ------
    ValueError
        If files have no name for its dtype.

    Examples
    --------
    >>> to_array(torch.tensor([1.0], dtype=torch.bfloat16))
    array([16256], dtype=uint16)
    """
    dtype_name(tensor)
    tensor = tensor.detach().cpu().contiguous()
    return (tensor.view(torch.uint16) if tensor.dtype == torch.bfloat16 else tensor).numpy()


def dtype_name(tensor: Tensor) -> str:
    """Return the name that files have for a tensor's dtype."""
    if tensor.dtype not in NAMES:
        raise ValueError(f"a tensor has dtype {tensor.dtype}: expected one of {', '.join(map(str, NAMES))}")
    return NAMES[tensor.dtype]


def float_dtype(dtype: torch.dtype | str | None) -> torch.dtype | None:
    """Return a floating-point dtype that was given by itself or by its name.

    Examples
    --------
    >>> float_dtype("bfloat16")
    torch.bfloat16
    """
    found = getattr(torch, dtype, None) if isinstance(dtype, str) else dtype
    if (found is not None and NAMES.get(found) not in FLOATS) or (found is None and dtype is not None):
        raise ValueError(f"dtype is {dtype!r}: expected None or one of {', '.join(FLOATS.values())}")
    return found


class ModelSource(Source):
    """A model in memory as a source, so that writers need not know the difference."""

    format = "model"

    def __init__(self, model: Llama, tokenizer: Tokenizer | None) -> None:
        self.path, self.files, self.cfg = Path("the model"), [], model.cfg
        self._given = tokenizer
        self._state = model.state_dict()
        if model.cfg.tie_embeddings:
            del self._state["output.weight"]
        self.tensors = {}
        for name, tensor in self._state.items():
            dtype = dtype_name(tensor)
            if dtype not in FLOATS:
                raise ValueError(f"{name} has dtype {tensor.dtype}: expected floating-point weights")
            self.tensors[name] = TensorInfo(tuple(tensor.shape), dtype, dtype, tensor.nbytes)

    def read(self, name: str) -> Array:
        """Return one weight."""
        return to_array(self._state[name])

    def _tokenizer(self) -> Tokenizer | None:
        return self._given


def build(source: Source, dtype: torch.dtype | None, seen: Callable[[int], None] | None = None) -> Llama:
    """Make the model of a source.

    Parameters
    ----------
    source : Source
    dtype : torch.dtype, optional
        None: the smallest that holds every stored weight exactly.
    seen : callable, optional
        Is told the bytes of every tensor that has been read.

    Returns
    -------
    Llama
        In training mode, as a new one is.
    """
    if dtype is None:
        stored = [TORCH[info.dtype] for info in source.tensors.values()]
        dtype = functools.reduce(torch.promote_types, stored)
    with torch.device("meta"):  # shapes without memory: the weights come from the file
        model = Llama(source.cfg)
    weights = {}
    for name, info in source.tensors.items():
        weights[name] = to_tensor(source.read(name), info.dtype).to(dtype)
        if seen is not None:
            seen(info.n_bytes)
    model.load_state_dict(weights, strict=False, assign=True)
    if source.cfg.tie_embeddings:
        model.output.weight = model.tok_embeddings.weight
    return model
