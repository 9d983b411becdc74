"""From a recipe to token files, in five stages; stopped anywhere and run again, it ends with the same bytes.

    clean       read, extract, filter; signatures              in worker processes
    deduplicate the first of each stays                        one process, in order
    tokenizer   learnt on the mixture, or the recipe's own
    tokenize    ids, framed by bos and eos                     in worker processes
    mix         documents drawn by source, written as shards   one process, in order

Each stage reads what the one before left in `work/` (see `workspace`). The result depends on the recipe and
the inputs alone, not on how many processes there are or when they were killed.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np

from .classifier import train_classifier
from .cleaning import Cleaner
from .duplicates import Deduplicator
from .files import alone_in
from .manifest import Manifest, read_manifest
from .mixing import write_splits
from .parallel import in_order
from .recipe import Recipe, RecipeError, Source
from .sources import BATCH, Batch, batches, inputs_of
from .tokenizing import tokenize, tokenizer_for
from .workspace import Piece, begin

Progress = Callable[[str, int, int | None], None]  # stage, done so far, of how many

EXAMPLES = 400  # documents of each kind that a classifier learns from


def make(
    recipe: Recipe,
    out: str | Path,
    root: str | Path = ".",
    workers: int = 1,
    progress: Progress | None = None,
    keep_work: bool = False,
) -> Manifest:
    """Make token files by a recipe, or go on where a stopped run left off.

    Parameters
    ----------
    recipe : Recipe
    out : path
        A new or empty folder, or one that the same recipe has been at work in.
    root : path
        What the recipe's paths are relative to, and may not lead out of.
    workers : int
        Processes that clean and tokenize.
    progress : callable, optional
        Is told stage, what is done, and of how many (None: not known yet).
    keep_work : bool
        Leave `work/` with the cleaned texts in place.

    Returns
    -------
    Manifest
        As written to `out`; `open_shards` reads the rest.

    Raises
    ------
    ValueError
        If the recipe cannot be followed, or the folder holds something else.
    """
    out, root = Path(out), Path(root)
    tell = progress or (lambda stage, done, total: None)
    if out.exists() and (not out.is_dir() or not _ours(out)):
        raise RecipeError(f"{out}: there is something else already; name a new folder")
    run = _Run(recipe, out, root, workers, tell)
    (out / "work").mkdir(parents=True, exist_ok=True)
    with alone_in(out):
        if (out / "manifest.json").exists():
            manifest = read_manifest(out)
            if manifest.recipe != recipe.as_dict():
                raise RecipeError(f"{out}: made by another recipe; name another folder")
        else:
            manifest = run.stages()
            manifest.write(out)
        if not keep_work:
            shutil.rmtree(out / "work", ignore_errors=True)
    (out / ".lock").unlink(missing_ok=True)
    return manifest


def _ours(out: Path) -> bool:
    """Whether a folder is empty or one that a pipeline has been at work in."""
    return (out / "work").is_dir() or (out / "manifest.json").is_file() or not any(out.iterdir())


@dataclass(frozen=True)
class _Run:
    """One run of the pipeline."""

    recipe: Recipe
    out: Path
    root: Path
    workers: int
    tell: Progress

    @property
    def work(self) -> Path:
        return self.out / "work"

    def stages(self) -> Manifest:
        """Do what is left to do."""
        inputs = {
            source.name: [[str(file.name), file.stat().st_size] for file in inputs_of(source, self.root)]
            for source in self.recipe.source
        }
        begin(self.work, {"recipe": self.recipe.fingerprint, "inputs": inputs})
        pieces = {source.name: list(self.clean(source)) for source in self.recipe.source}
        in_a_row = [piece for of_source in pieces.values() for piece in of_source]
        kept, duplicates = self.deduplicate(in_a_row)
        tokenizer = tokenizer_for(self.recipe, self.root, self.out, pieces, kept, self.tell)
        for done in tokenize(in_a_row, kept, self.out, tokenizer, self.recipe.held_out, self.workers):
            self.tell("tokenizing", done, len(in_a_row))
        counts = {name: self.counts(pieces[name], duplicates.get(name, {})) for name in pieces}
        return write_splits(self.recipe, self.out, tokenizer, pieces, counts, self.tell)

    def clean(self, source: Source) -> Iterator[Piece]:
        """Clean the documents of a source, a piece at a time."""
        settings = Cleaner(source, self.recipe.deduplicate, self.recipe.seed)
        if source.like:
            like = next(other for other in self.recipe.source if other.name == source.like)
            good, random = self.examples(like), self.examples(source)
            settings = replace(settings, classifier=train_classifier(good, random))
        known: list[Piece] = []

        def missing() -> Iterator[tuple[Cleaner, Batch, Piece]]:
            for batch in batches(source, self.root):
                piece = Piece(self.work, source.name, batch.number)
                known.append(piece)
                if not piece.is_clean:
                    yield settings, batch, piece

        stage = f"cleaning {source.name}"
        total = -(-source.documents // BATCH) if source.kind not in ("files", "dataset") else None
        for _ in in_order(_clean_piece, missing(), self.workers):
            self.tell(stage, len(known), total)
        self.tell(stage, len(known), len(known))
        yield from known

    def examples(self, source: Source) -> list[str]:
        """Return the first texts of a source that language and rules let pass."""
        look = Cleaner(source, self.recipe.deduplicate, self.recipe.seed)
        raws = (raw for batch in batches(source, self.root) for raw in batch.documents())
        texts = (look.text_of(raw)[0] for raw in raws)
        found = list(islice((text for text in texts if text), EXAMPLES))
        if not found:
            raise RecipeError(f"source {source.name}: no text in it that a classifier could learn from")
        return found

    def deduplicate(self, pieces: list[Piece]) -> tuple[np.ndarray, dict[str, dict[str, int]]]:
        """Return which documents stay, in order, and how many of each source went for which reason."""
        seen = Deduplicator(self.recipe.deduplicate)
        kept: list[bool] = []
        gone: dict[str, Counter[str]] = {}
        for done, piece in enumerate(pieces, 1):
            for document, signature in zip(piece.documents(), piece.signatures(), strict=True):
                reason = seen.judge(document["digest"], signature)
                kept.append(not reason)
                if reason:
                    gone.setdefault(piece.source, Counter())[reason] += 1
            self.tell("looking for duplicates", done, len(pieces))
        counts = {source: dict(reasons) for source, reasons in gone.items()}
        return np.array(kept, dtype=bool), counts

    @staticmethod
    def counts(pieces: list[Piece], duplicates: dict[str, int]) -> dict[str, int]:
        """Add up what happened to the documents of a source."""
        total = Counter[str]()
        for piece in pieces:
            total.update(piece.counts)
        total.update(duplicates)
        total["documents"] -= sum(duplicates.values())
        return dict(total)


def _clean_piece(work: tuple[Cleaner, Batch, Piece]) -> None:
    cleaner, batch, piece = work
    piece.write_clean(cleaner.clean(batch.documents()))
