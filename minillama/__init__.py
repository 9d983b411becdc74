"""minillama: LLaMA from NumPy arrays to a trained, quantised, served model; the library beside the book.

Importing the package is cheap: torch is loaded when a model is first asked for.

    >>> import minillama
    >>> minillama.LlamaConfig.named("llama-3-8b").n_params()
    8030261248
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import kernels as kernels
    from .checkpoints import load as load
    from .checkpoints import save as save
    from .config import LlamaConfig as LlamaConfig
    from .inference import generate as generate
    from .model import Llama as Llama
    from .tokenizer import Tokenizer as Tokenizer

__version__ = "0.1.0"

_HOMES = {
    "Llama": "model",
    "LlamaConfig": "config",
    "Tokenizer": "tokenizer",
    "generate": "inference",
    "load": "checkpoints",
    "save": "checkpoints",
}

__all__ = ["Llama", "LlamaConfig", "Tokenizer", "__version__", "generate", "kernels", "load", "save"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, and keep it."""
    value: Any
    if name in _HOMES:
        value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    elif name == "kernels":
        value = import_module(".kernels", __name__)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
