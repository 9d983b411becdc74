"""What stands beside token files: how many tokens each holds, its hash, and how all of it was made.

    manifest.json
    tokenizer.json
    train-00000.bin  train-00001.bin ...     token ids, little-endian, nothing else
    held_out-00000.bin

A split is one long stream of tokens, cut into files of equal length; a document may go on in the next
file. Every document begins with the tokenizer's bos and ends with its eos, so the stream holds its own
boundaries. The manifest is untrusted like every file: what does not fit is a `ShardError`.
"""

from __future__ import annotations

import dataclasses
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..fields import known_fields, whole_number
from .files import write_whole

VERSION = 1
NAME = "manifest.json"
LARGEST = 64 << 20  # bytes of a manifest that we are willing to read
DTYPES = {"uint16": 2, "uint32": 4}  # bytes a token
SPLITS = ("train", "held_out")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class ShardError(ValueError):
    """Token files cannot be read: the message names the file, what was expected and what was found."""


@dataclass(frozen=True)
class Shard:
    """One file: its name, the tokens in it, and the SHA-256 of its bytes."""

    file: str
    tokens: int
    sha256: str

    def __post_init__(self) -> None:
        _plain_name(self.file)
        whole_number("tokens", self.tokens, 0)
        _hash(self.sha256)


@dataclass(frozen=True)
class TokenizerFile:
    """The tokenizer that the ids belong to: file, SHA-256, vocabulary, and the ids that frame a document."""

    file: str
    sha256: str
    vocab_size: int
    bos_id: int
    eos_id: int

    def __post_init__(self) -> None:
        _plain_name(self.file)
        _hash(self.sha256)
        whole_number("vocab_size", self.vocab_size, 1)
        whole_number("bos_id", self.bos_id, 0)
        whole_number("eos_id", self.eos_id, 0)


@dataclass(frozen=True)
class Manifest:
    """All there is to know about a directory of token files.

    Parameters
    ----------
    version : int
        Of this layout.
    seed : int
        Of sampling, and the default for the order of rows.
    seq_len : int
        Tokens a row that the recipe had in mind; the files themselves know no rows.
    dtype : str
        "uint16" or "uint32".
    tokenizer : TokenizerFile
    splits : dict of str to tuple of Shard
        "train" and "held_out", either may be empty.
    sources : tuple of dict
        For each source what went in, what each filter took, what was left, and what was drawn.
    recipe : dict
        As it was read.
    """

    version: int
    seed: int
    seq_len: int
    dtype: str
    tokenizer: TokenizerFile
    splits: dict[str, tuple[Shard, ...]]
    sources: tuple[dict[str, Any], ...] = ()
    recipe: dict[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.version != VERSION:
            raise ValueError(f"version is {self.version!r}: this program reads version {VERSION}")
        whole_number("seed", self.seed, 0)
        whole_number("seq_len", self.seq_len, 1)
        if self.dtype not in DTYPES:
            raise ValueError(f"dtype is {self.dtype!r}: expected {' or '.join(DTYPES)}")
        if set(self.splits) != set(SPLITS):
            raise ValueError(f"splits are {sorted(self.splits)}: expected {', '.join(SPLITS)}")
        if not (all(isinstance(source, dict) for source in self.sources) and isinstance(self.recipe, dict)):
            raise ValueError("sources and recipe: expected dictionaries")

    def tokens(self, split: str) -> int:
        """Return how many tokens a split holds."""
        return sum(shard.tokens for shard in self.splits[split])

    def write(self, directory: Path) -> None:
        """Write it into the directory, in one piece."""
        text = json.dumps(dataclasses.asdict(self), indent=1, ensure_ascii=False, sort_keys=True)
        write_whole(directory / NAME, text.encode() + b"\n")


def read_manifest(directory: str | Path) -> Manifest:
    """Read and check the manifest of a directory; the token files themselves are not touched.

    Raises
    ------
    ShardError
        If there is none, or it is not what it should be.
    """
    path = Path(directory) / NAME
    if not path.is_file():
        raise ShardError(f"{directory}: no {NAME} in it; `minillama data make` writes token files")
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError(f"it has {path.stat().st_size:,} bytes: expected at most {LARGEST:,}")
        values = known_fields(Manifest, json.loads(path.read_bytes()))
        splits = values.get("splits")
        values["tokenizer"] = TokenizerFile(**known_fields(TokenizerFile, values.get("tokenizer", {})))
        values["splits"] = {
            name: tuple(Shard(**known_fields(Shard, shard)) for shard in shards)
            for name, shards in (splits.items() if isinstance(splits, dict) else ())
        }
        values["sources"] = tuple(values.get("sources", ()))
        return Manifest(**values)
    except (TypeError, ValueError, RecursionError) as error:
        raise ShardError(f"{path}: {error}") from None


def _plain_name(value: object) -> None:
    """Refuse every name that could lead out of the directory."""
    if not (isinstance(value, str) and _PLAIN_NAME.fullmatch(value)):
        raise ValueError(f"file is {value!r}: expected the plain name of a file beside the manifest")


def _hash(value: object) -> None:
    if not (isinstance(value, str) and _SHA256.fullmatch(value)):
        raise ValueError(f"sha256 is {value!r}: expected 64 hexadecimal digits")
