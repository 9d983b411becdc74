"""Two times; the longer one is the limit."""


def under_the_roof(
    flops: float, moved: float, seconds: float, peak: float, bandwidth: float
) -> tuple[str, float]:
    fetching, computing = moved / bandwidth, flops / peak
    limit = "memory" if fetching > computing else "arithmetic"
    return limit, max(fetching, computing) / seconds
