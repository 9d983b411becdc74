"""The documents of a source in batches: read from files here, or made where they are cleaned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random

from .datasets import cached
from .pages import page, reference_text
from .raw import Raw, files_of, read_raw
from .recipe import Source
from .stories import Stories

BATCH = 256  # documents at most
BATCH_BYTES = 4 << 20  # of documents at most, unless a single one is larger


@dataclass(frozen=True)
class Batch:
    """Some documents of a source.

    Attributes
    ----------
    source : Source
    number : int
        Of the batch within the source.
    raws : tuple of Raw
        What was read; empty where documents are made.
    """

    source: Source
    number: int
    raws: tuple[Raw, ...] = ()

    def documents(self) -> Iterator[Raw]:
        """Yield the raw documents."""
        if self.source.kind in ("files", "dataset"):
            yield from self.raws
            return
        first = self.number * BATCH
        numbers = range(first, min(first + BATCH, self.source.documents))
        seed = self.source.seed
        if self.source.kind == "stories":
            own = Random(f"{seed} {self.number}").randrange(1 << 62)  # any batch can be told on its own
            stories = Stories(own, self.source.language, self.source.level)
            yield from (Raw(stories.sample().text) for _ in numbers)
        elif self.source.kind == "pages":
            yield from (Raw(page(seed, number).html, is_html=True) for number in numbers)
        else:
            yield from (Raw(reference_text(seed, number)) for number in numbers)


def inputs_of(source: Source, root: Path) -> list[Path]:
    """Return the files that a source reads, none if it is made.

    Raises
    ------
    ValueError
        If they are not there, or a path leads out of `root`.
    """
    if source.kind == "dataset":
        place = cached(source.path)
        return files_of(place, place)
    return files_of(root / source.path, root) if source.kind == "files" else []


def batches(source: Source, root: Path) -> Iterator[Batch]:
    """Yield all batches of a source, in order.

    Parameters
    ----------
    source : Source
    root : Path
        What the paths of the recipe are relative to.
    """
    if source.kind not in ("files", "dataset"):
        yield from (Batch(source, number) for number in range(-(-source.documents // BATCH)))
        return
    raws = (raw for file in inputs_of(source, root) for raw in read_raw(file))
    waiting: list[Raw] = []
    size = number = 0
    for raw in islice(raws, source.documents or None):
        if waiting and (len(waiting) == BATCH or size + raw.size > BATCH_BYTES):
            yield Batch(source, number, tuple(waiting))
            waiting, size, number = [], 0, number + 1
        waiting.append(raw)
        size += raw.size
    if waiting:
        yield Batch(source, number, tuple(waiting))
