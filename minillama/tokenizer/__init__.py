"""Text to token ids and back: byte-level BPE of our own, and readers for the vocabularies of real models.

``Tokenizer`` is the way in. From the bottom up: ``bpe`` (the algorithm), ``alphabet`` and
``pretokenize`` (bytes and words), ``byte_level`` (both together), ``tokenizer`` (the class),
``files`` and ``hf_json`` (reading and writing).
"""

from minillama.tokenizer.errors import TokenizerError
from minillama.tokenizer.pretokenize import PATTERNS, PreTokenizer
from minillama.tokenizer.tokenizer import Tokenizer

__all__ = ["PATTERNS", "PreTokenizer", "Tokenizer", "TokenizerError"]
