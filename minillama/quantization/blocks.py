"""GGUF's blocks of quantised weights, back to floating point: one scale for 32 small whole numbers.

    Q4_0   18 bytes   scale f16                32 numbers of 4 bits    weight = scale (q - 8)
    Q4_1   20 bytes   scale f16, least f16     32 numbers of 4 bits    weight = scale q + least
    Q8_0   34 bytes   scale f16                32 numbers of 8 bits    weight = scale q

Byte i of a 4-bit block holds number i in its lower half and number i + 16 in its upper half. Left out:
writing, and the K-quants (chapter 23).

References
----------
The structs ``block_q4_0``, ``block_q4_1``, ``block_q8_0`` of ggml-org/ggml, ``src/ggml-common.h``.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, UInt8

BLOCKS: dict[str, tuple[int, int]] = {
    "F32": (1, 4),
    "F16": (1, 2),
    "Q4_0": (32, 18),
    "Q4_1": (32, 20),
    "Q8_0": (32, 34),
}
"""Formats by name: weights in a block, bytes in a block."""


def dequantize(data: UInt8[np.ndarray, " N"], kind: str) -> Float32[np.ndarray, " W"]:
    """Return the weights that a run of whole blocks stands for.

    Parameters
    ----------
    data : array (N,), uint8
        Bytes of the blocks, one behind the other.
    kind : str
        One of `BLOCKS`.

    Returns
    -------
    array (W,), float32

    Raises
    ------
    ValueError
        If the format is not known, or the bytes are not whole blocks.

    Examples
    --------
    A block of Q8_0 with scale 0.5 and the numbers 0 to 31:

    >>> block = np.concatenate([np.array([0.5], "<f2").view(np.uint8), np.arange(32, dtype=np.uint8)])
    >>> dequantize(block, "Q8_0")[:4]
    array([0. , 0.5, 1. , 1.5], dtype=float32)
    """
    if kind not in BLOCKS:
        raise ValueError(f"format {kind!r} is not known: expected one of {', '.join(BLOCKS)}")
    size = BLOCKS[kind][1]
    if data.size % size:
        raise ValueError(f"{data.size} bytes are not whole blocks of {kind}: expected a multiple of {size}")
    if kind in ("F32", "F16"):
        return data.view("<f4" if kind == "F32" else "<f2").astype(np.float32)
    blocks = data.reshape(-1, size)  # (N,) -> (blocks, bytes)
    scale = _halves(blocks[:, :2])
    if kind == "Q8_0":
        q = blocks[:, 2:].view(np.int8)
    else:
        packed = blocks[:, -16:]
        q = np.concatenate([packed & 0x0F, packed >> 4], axis=1).view(np.int8)  # (blocks, 32)
    with np.errstate(invalid="ignore"):  # a scale may be infinite or no number: so is the weight then
        if kind == "Q4_1":
            return (scale * q + _halves(blocks[:, 2:4])).ravel()
        return (scale * (q - 8 if kind == "Q4_0" else q)).ravel()


def _halves(columns: UInt8[np.ndarray, "blocks 2"]) -> Float32[np.ndarray, "blocks 1"]:
    """Read a column of 16-bit floats."""
    return np.ascontiguousarray(columns).view("<f2").astype(np.float32)
