"""A meter of live tensor memory: how many bytes exist at once while a block of code runs.

It counts what PyTorch's operations put out, from the moment a storage appears until it is freed. The count
follows from the code alone, so that two machines agree on it, unlike the resident size of a process. Left
out: what an operation takes and gives back inside itself, the allocator's rounding, and Python.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class LiveMemory(TorchDispatchMode):
    """Count the bytes of all tensors that operations inside the ``with`` block make, while they live.

    Views share their base's storage and count once. Tensors from before the block do not count, nor what
    an operation only returns again.

    Attributes
    ----------
    now : int
        Bytes alive.
    peak : int
        The most that were alive at once, in bytes.
    largest : int
        Bytes of the largest single storage.

    Examples
    --------
    >>> import torch
    >>> with LiveMemory() as memory:
    ...     a = torch.ones(1000)  # float32: 4,000 bytes
    ...     b = (a + 1) * 2       # a, a + 1 and b: 12,000; then a + 1 is freed
    >>> memory.now, memory.peak
    (8000, 12000)
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = self.largest = 0
        self._seen: set[int] = set()

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run the operation, and count the storages that it brought."""
        old = {
            _storage(tensor)._cdata for tensor in tree_leaves((args, kwargs)) if isinstance(tensor, Tensor)
        }
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, Tensor) and _storage(tensor)._cdata not in old:
                self._count(tensor)
        return out

    def _count(self, tensor: Tensor) -> None:
        """Add a storage, unless it is known; `_free` will take it off."""
        storage = _storage(tensor)
        key, size = storage._cdata, storage.nbytes()
        if key in self._seen:
            return
        self._seen.add(key)
        weakref.finalize(storage, self._free, key, size)
        self.now += size
        self.peak, self.largest = max(self.peak, self.now), max(self.largest, size)

    def _free(self, key: int, size: int) -> None:
        """Take a storage off."""
        self._seen.discard(key)
        self.now -= size


def _storage(tensor: Tensor) -> Any:
    return tensor.untyped_storage()
