"""Text to token ids and back: byte-level BPE of our own, and readers for the vocabularies of real models.

``Tokenizer`` is the way in. From the bottom up: ``bpe`` (the algorithm), ``alphabet`` and
``pretokenize`` (bytes and words), ``byte_level`` (all of it together) and ``sentencepiece_bpe`` (the other
family), ``tokenizer`` (the class), ``files`` (which format is it?) and one module for each format.
"""

from minillama.tokenizer.errors import TokenizerError
from minillama.tokenizer.pretokenize import PATTERNS, PreTokenizer
from minillama.tokenizer.tokenizer import Tokenizer

__all__ = ["PATTERNS", "PreTokenizer", "Tokenizer", "TokenizerError"]
