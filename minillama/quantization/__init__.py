"""Weights in few bits: blocks of small whole numbers that share a scale. Reading only, so far."""

from .blocks import BLOCKS, dequantize

__all__ = ["BLOCKS", "dequantize"]
