"""The LLaMA decoder in PyTorch: norm, rotary positions, attention, feed-forward, the whole."""

from .cache import KVCache
from .llama import Llama

__all__ = ["KVCache", "Llama"]
