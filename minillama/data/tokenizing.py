"""The stage between text and numbers: a tokenizer, and every document that stays as its ids."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from ..tokenizer import Tokenizer
from .files import write_whole
from .parallel import in_order
from .recipe import Recipe, RecipeError
from .workspace import Piece

LEARNT_FROM = 2_000_000  # characters that a tokenizer learns from
NAME = "tokenizer.json"


def dtype_for(vocab_size: int) -> str:
    """Return the smallest type that holds all ids.

    Examples
    --------
    >>> dtype_for(65536), dtype_for(65537)
    ('uint16', 'uint32')
    """
    return "uint16" if vocab_size <= 1 << 16 else "uint32"


def tokenizer_for(
    recipe: Recipe,
    root: Path,
    out: Path,
    pieces: dict[str, list[Piece]],
    kept: Bool[np.ndarray, " N"],
    tell: Callable[[str, int, int | None], None],
) -> Tokenizer:
    """Return the recipe's tokenizer, or one that is learnt on the mixture, and keep it in `out`.

    Raises
    ------
    RecipeError
        If there is none, nothing to learn from, or no two tokens to frame a document by.
    """
    path = out / NAME
    if not path.exists():
        stage = "learning the tokenizer"
        tell(stage, 0, 1)
        if recipe.tokenizer:
            tokenizer = Tokenizer.load(_inside(root / recipe.tokenizer, root))
        else:
            tokenizer = Tokenizer.train(_sample(recipe, pieces, kept), recipe.vocab_size)
        write_whole(path, tokenizer.to_json().encode())
        tell(stage, 1, 1)
    tokenizer = Tokenizer.load(path)
    if tokenizer.bos_id is None or tokenizer.eos_id is None or tokenizer.bos_id == tokenizer.eos_id:
        raise RecipeError(
            f"the tokenizer's bos and eos are {tokenizer.bos_id} and {tokenizer.eos_id}: documents are framed"
            " by both, so expected two different tokens"
        )
    return tokenizer


def tokenize(
    pieces: list[Piece],
    kept: Bool[np.ndarray, " N"],
    out: Path,
    tokenizer: Tokenizer,
    held_out: float,
    workers: int,
) -> Iterator[int]:
    """Turn what stays into ids, framed by bos and eos; yield how many pieces are done.

    Parameters
    ----------
    pieces : list of Piece
        In the order of `kept`.
    kept : bool array, shape (N,)
        Which documents stay.
    out : Path
        Where the tokenizer's file is.
    tokenizer : Tokenizer
    held_out : float
        Share of the documents to mark as held out: by their digests, so that no copy is left in training.
    workers : int
        Processes.
    """
    ends = np.cumsum([piece.counts["documents"] for piece in pieces])
    flags = np.split(kept, ends[:-1]) if len(pieces) else []
    dtype = dtype_for(tokenizer.vocab_size)
    work = [
        (piece, stays, out / NAME, dtype, held_out)
        for piece, stays in zip(pieces, flags, strict=True)
        if not piece.is_tokenized
    ]
    done = len(pieces) - len(work)
    for _ in in_order(_tokenize_piece, work, workers):
        done += 1
        yield done


def _tokenize_piece(work: tuple[Piece, np.ndarray, Path, str, float]) -> None:
    piece, stays, path, dtype, held_out = work
    tokenizer = _loaded(path, path.stat().st_mtime_ns)
    documents, back = [], []
    for document, stay in zip(piece.documents(), stays.tolist(), strict=True):
        if stay:
            documents.append(tokenizer.encode(document["text"], bos=True, eos=True))
            back.append(int(document["digest"][:8], 16) < held_out * 2**32)
    piece.write_tokens(documents, back, dtype)


@lru_cache(maxsize=1)
def _loaded(path: Path, changed: int) -> Tokenizer:
    """Load a tokenizer once for each process and file."""
    return Tokenizer.load(path)


def _sample(recipe: Recipe, pieces: dict[str, list[Piece]], kept: Bool[np.ndarray, " N"]) -> list[str]:
    """Return the first texts of each source, its share of `LEARNT_FROM` characters or all there are."""
    whole = sum(source.share for source in recipe.source)
    texts: list[str] = []
    flags = iter(kept.tolist())
    for source in recipe.source:
        left = int(LEARNT_FROM * source.share / whole)
        for piece in pieces[source.name]:
            for document in piece.documents():
                if next(flags) and left > 0:
                    texts.append(document["text"][:left])
                    left -= len(document["text"])
    if not texts:
        raise RecipeError("no text is left to learn a tokenizer from: the filters took all")
    return texts


def _inside(path: Path, root: Path) -> Path:
    """Return a path if it is a file inside `root`."""
    if not path.resolve().is_relative_to(root.resolve()) or not path.is_file():
        raise RecipeError(f"{path}: no such file inside {root}")
    return path
