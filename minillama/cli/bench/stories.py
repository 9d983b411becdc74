"""Telling and parsing stories."""

from __future__ import annotations

from .measuring import Figure, seconds


def figures() -> list[Figure]:
    """Time two thousand stories of each level."""
    from itertools import islice

    from ...data.stories import LEVELS, Stories

    figures: list[Figure] = []
    for level in LEVELS:
        texts = [story.text for story in islice(Stories(0, level=level), 2000)]
        told = seconds(lambda level=level: list(islice(Stories(0, level=level), 2000)))  # type: ignore[misc]
        parsed = seconds(lambda texts=texts: [Stories.nats(text) for text in texts])  # type: ignore[misc]
        figures.append((f"level {level} told", "stories/s", [2000 / t for t in told]))
        figures.append((f"level {level} parsed", "stories/s", [2000 / t for t in parsed]))
    return figures
