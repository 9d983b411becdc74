"""The roof over a whole step."""

from collections.abc import Sequence


def decode(
    weight_bytes: float,
    flops_per_token: float,
    cache_bytes: float,
    lengths: Sequence[int],
    peak: float,
    bandwidth: float,
) -> tuple[float, float]:
    moved = weight_bytes + cache_bytes * sum(lengths)
    seconds = max(moved / bandwidth, flops_per_token * len(lengths) / peak)
    return seconds, len(lengths) / seconds
