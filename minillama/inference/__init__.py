"""Running a model: sampling and generation."""

from .generate import generate, generate_ids, generate_stream, sample_texts
from .sampling import Sampling

__all__ = ["Sampling", "generate", "generate_ids", "generate_stream", "sample_texts"]
