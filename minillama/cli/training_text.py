"""What `minillama train` reads: the user's own files, or the token files of `minillama data make`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import UserError

if TYPE_CHECKING:
    from ..data.packing import Batches
    from ..tokenizer import Tokenizer

HELD_OUT = 20  # one part in twenty of the user's text is kept back to read the loss on
READ_ROWS = 1024  # held-out rows that the last reading takes, at most


@dataclass(frozen=True)
class TrainingText:
    """Rows to train on, rows to read the loss on, and the tokenizer of both.

    Attributes
    ----------
    n_tokens : int
        In the rows to train on.
    bytes_per_token : float
        Of the held-out rows that are read.
    """

    rows: Batches
    held_out: Batches
    tokenizer: Tokenizer
    n_tokens: int

    @property
    def read_rows(self) -> int:
        """Held-out rows that the last reading takes."""
        return min(len(self.held_out), READ_ROWS)

    @property
    def bytes_per_token(self) -> float:
        """Bytes of text that a held-out token stands for."""
        tokens, _ = self.held_out.batch(0, self.read_rows)
        return len(self.tokenizer.decode_bytes(tokens.ravel().tolist())) / tokens.size


def from_documents(documents: list[str], tokenizer: Tokenizer, seq_len: int, seed: int) -> TrainingText:
    """Keep the last part of the tokens back; documents are framed by the tokenizer's own tokens."""
    from ..data.packing import stream

    eos = tokenizer.eos_id is not None
    encoded = [tokenizer.encode(text, eos=eos) for text in documents]
    n_tokens = sum(map(len, encoded))
    kept_back = max(seq_len + 1, n_tokens // HELD_OUT)
    if n_tokens - kept_back < seq_len + 1:
        raise UserError(
            f"the corpus has {n_tokens} tokens: expected at least {2 * (seq_len + 1)} for --seq-len {seq_len}"
        )
    train, held_out = _cut(encoded, n_tokens - kept_back)
    rows = stream(train, seq_len, seed)
    return TrainingText(rows, stream(held_out, seq_len, seed), tokenizer, rows.targets.size)


def _cut(documents: list[list[int]], length: int) -> tuple[list[list[int]], list[list[int]]]:
    """Return the first `length` tokens and the rest, each as documents."""
    first: list[list[int]] = []
    for number, document in enumerate(documents):
        if len(document) > length:
            return [*first, document[:length]], [document[length:], *documents[number + 1 :]]
        first.append(document)
        length -= len(document)
    return first, []


def from_shards(directory: Path, seq_len: int | None, seed: int | None) -> TrainingText:
    """Open the token files that `minillama data make` wrote; ShardError if one is not what it should be."""
    from ..data.shards import open_shards
    from ..tokenizer import Tokenizer

    rows = open_shards(directory, seq_len, seed)
    held_out = open_shards(directory, seq_len, seed, split="held_out")
    tokenizer = Tokenizer.load(rows.tokenizer_path)
    return TrainingText(rows, held_out, tokenizer, len(rows) * rows.seq_len)
