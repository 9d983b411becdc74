"""Learning vocabularies, and encoding."""

from __future__ import annotations

from . import measuring
from .measuring import Figure, seconds


def figures() -> list[Figure]:
    """Time learning two vocabularies, and encoding with the larger."""
    from ...data.stories import Stories
    from ...tokenizer import Tokenizer

    source, texts, size = Stories(0), [], 0
    while size < 5_000_000:
        texts.append(source.sample().text)
        size += len(texts[-1].encode())
    figures: list[Figure] = [
        (f"learn {v} tokens from 5 MB", "s", seconds(lambda v=v: Tokenizer.train(texts, v)))  # type: ignore[misc]
        for v in (512, 2048)
    ]
    serialised = Tokenizer.train(texts, 2048).to_json()
    fresh = [Tokenizer.from_json(serialised) for _ in range(measuring.RUNS)]
    encoding = seconds(
        lambda: [fresh[-1].encode(text) for text in texts], before=lambda: fresh.append(fresh.pop(0))
    )
    figures.append(("encode, cold cache", "MB/s", [size / 1e6 / t for t in encoding]))
    return figures
