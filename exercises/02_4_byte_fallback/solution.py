"""Decode with byte fallback: bytes first, text once, at the end."""

import re

BYTE_PIECE = re.compile(r"<0x([0-9A-F]{2})>")


def decode(pieces: list[str]) -> str:
    data = b""
    for piece in pieces:
        byte = BYTE_PIECE.fullmatch(piece)
        data += bytes([int(byte[1], 16)]) if byte else piece.replace("▁", " ").encode()
    return data.decode("utf-8", errors="replace").removeprefix(" ")
