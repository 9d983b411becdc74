"""Two thirds, the multiplier, and only then up to a multiple."""


def hidden_dim(dim: int, multiplier: float = 1.0, multiple_of: int = 256) -> int:
    hidden = int(multiplier * (8 * dim // 3))  # in whole numbers 8 dim // 3 is exact
    return (hidden + multiple_of - 1) // multiple_of * multiple_of
