"""Encode by rank: of all pairs that can be joined, always the one learnt first."""

from itertools import pairwise


def encode_piece(piece: bytes, merges: list[tuple[bytes, bytes]]) -> list[bytes]:
    ranks = {pair: rank for rank, pair in enumerate(merges)}
    tokens = [piece[i : i + 1] for i in range(len(piece))]
    while True:
        pairs = [pair for pair in pairwise(tokens) if pair in ranks]
        if not pairs:
            return tokens
        best = min(pairs, key=ranks.__getitem__)
        joined: list[bytes] = []
        for token in tokens:
            if joined and (joined[-1], token) == best:
                joined[-1] += token  # it now is the joined token, which cannot be the pair's left half again
            else:
                joined.append(token)
        tokens = joined
