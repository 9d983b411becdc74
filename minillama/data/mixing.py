"""The last stage: documents drawn by source, written as one stream of tokens in files of equal length."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Int64

from ..tokenizer import Tokenizer
from .files import sha256_of
from .manifest import VERSION, Manifest, TokenizerFile
from .mixture import draw
from .recipe import Recipe, RecipeError
from .shard_writer import ShardWriter
from .tokenizing import NAME, dtype_for
from .workspace import Piece


class Pool:
    """The tokenized documents of one source: their lengths in memory, their ids on the disk.

    Attributes
    ----------
    lengths : int64 array, shape (N,)
        Tokens of each document.
    held_out : bool array, shape (N,)
    """

    def __init__(self, pieces: list[Piece], dtype: str) -> None:
        self._pieces, self._dtype = pieces, dtype
        parts = [piece.lengths() for piece in pieces]
        self.lengths: Int64[np.ndarray, " N"] = _joined([lengths for lengths, _ in parts], np.int64)
        self.held_out: Bool[np.ndarray, " N"] = _joined([back for _, back in parts], bool)
        self._piece = np.repeat(np.arange(len(parts)), [len(lengths) for lengths, _ in parts])
        self._start = _joined([np.cumsum(lengths) - lengths for lengths, _ in parts], np.int64)

    def tokens(self, document: int) -> np.ndarray:
        """Return the ids of a document."""
        piece = self._pieces[int(self._piece[document])]
        return piece.tokens(int(self._start[document]), int(self.lengths[document]), self._dtype)


def write_splits(
    recipe: Recipe,
    out: Path,
    tokenizer: Tokenizer,
    pieces: dict[str, list[Piece]],
    counts: dict[str, dict[str, int]],
    tell: Callable[[str, int, int | None], None],
) -> Manifest:
    """Write both splits, and return the manifest of them.

    Parameters
    ----------
    recipe : Recipe
    out : Path
    tokenizer : Tokenizer
    pieces : dict of str to list of Piece
        By source, tokenized.
    counts : dict of str to dict
        What happened to each source's documents, for the manifest.
    tell : callable
        Is told stage, tokens written, of how many.

    Raises
    ------
    RecipeError
        If a source with a share has no documents left.
    """
    assert tokenizer.bos_id is not None
    assert tokenizer.eos_id is not None
    dtype = dtype_for(tokenizer.vocab_size)
    pools = [Pool(pieces[source.name], dtype) for source in recipe.source]
    training = [np.flatnonzero(~pool.held_out) for pool in pools]
    for source, documents in zip(recipe.source, training, strict=True):
        if source.share and not len(documents):
            raise RecipeError(f"source {source.name}: no document is left to draw from")
    lengths = [pool.lengths[documents] for pool, documents in zip(pools, training, strict=True)]
    written = 0

    def told(tokens: int) -> None:
        nonlocal written
        written += tokens
        tell("writing shards", min(written, recipe.tokens), recipe.tokens)

    drawn = np.zeros((2, len(pools)), dtype=np.int64)  # documents and tokens by source
    writer = ShardWriter(out, "train", dtype, recipe.shard_tokens, told)
    shares = [source.share for source in recipe.source]
    for place, number in draw(lengths, shares, recipe.tokens, recipe.seed):
        tokens = pools[place].tokens(int(training[place][number]))
        drawn[:, place] += 1, len(tokens)
        writer.add(tokens)
    splits = {"train": writer.close(), "held_out": _held_out(recipe, out, pools, dtype)}
    sources = tuple(
        _row(
            source.name, source.share, counts[source.name], pool, lengths[k], drawn[:, k], int(drawn[1].sum())
        )
        for k, (source, pool) in enumerate(zip(recipe.source, pools, strict=True))
    )
    path = out / NAME
    known = TokenizerFile(
        path.name, sha256_of(path), tokenizer.vocab_size, tokenizer.bos_id, tokenizer.eos_id
    )
    return Manifest(VERSION, recipe.seed, recipe.seq_len, dtype, known, splits, sources, recipe.as_dict())


def _held_out(recipe: Recipe, out: Path, pools: list[Pool], dtype: str) -> Any:
    """Write every document that is held out once, in an order of its own."""
    documents = [(pool, int(k)) for pool in pools for k in np.flatnonzero(pool.held_out)]
    writer = ShardWriter(out, "held_out", dtype, recipe.shard_tokens)
    for place in np.random.default_rng((recipe.seed, 1 << 32)).permutation(len(documents)):
        pool, number = documents[place]
        writer.add(pool.tokens(number))
    return writer.close()


def _row(
    name: str,
    share: float,
    counts: dict[str, int],
    pool: Pool,
    lengths: np.ndarray,
    drawn: np.ndarray,
    total: int,
) -> dict[str, Any]:
    """Say of one source what came in, what went and why, and how often it was read."""
    counts = dict(counts)
    plain = {key: counts.pop(key, 0) for key in ("documents in", "bytes in", "documents")}
    tokens = int(lengths.sum())
    return {
        "name": name,
        "asked_share": share,
        "documents_in": plain["documents in"],
        "bytes_in": plain["bytes in"],
        "dropped": counts,
        "documents": plain["documents"],
        "held_out": int(pool.held_out.sum()),
        "tokens": tokens,
        "documents_drawn": int(drawn[0]),
        "tokens_drawn": int(drawn[1]),
        "share": int(drawn[1]) / total,
        "epochs": int(drawn[1]) / tokens if tokens else 0.0,
    }


def _joined(arrays: list[np.ndarray], dtype: type) -> np.ndarray:
    """Concatenate arrays, of which there may be none."""
    return np.concatenate([np.empty(0, dtype=dtype), *arrays])
