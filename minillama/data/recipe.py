"""A recipe: which sources, what is done to each, and how much of each is drawn.

As a TOML file (`recipe_files` reads it), for example

    seed = 1
    tokens = 200_000          # to draw; see `Recipe` for the other keys
    vocab_size = 1024         # a tokenizer is trained; or tokenizer = "its/file.json"

    [deduplicate]
    threshold = 0.8

    [[source]]
    name = "web"
    kind = "files"            # .html .txt .md .jsonl .jsonl.gz below `path`
    path = "crawl"
    share = 67.0              # of the tokens, in any unit
    languages = ["en"]
    rules = ["gopher", "c4"]
    like = "wiki"             # keep what resembles that source

Paths are relative to the recipe's folder, and may not lead out of it. Unknown keys are errors.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from ..fields import whole_number
from .filters import rules_named

KINDS = ("files", "dataset", "stories", "pages", "references")


class RecipeError(ValueError):
    """A recipe cannot be followed; the message names the file, the key and what was expected."""


@dataclass(frozen=True)
class Source:
    """Where documents come from, what they must be, and the share of the tokens that they shall fill.

    Parameters
    ----------
    name : str
        Letters, digits, "-" and "_".
    kind : str
        "files", "dataset" (something fetched), "stories", "pages" (made-up web pages) or "references"
        (made-up encyclopaedia).
    share : float
        Of the tokens drawn, in any unit; 0 reads a source (for `like`) and draws nothing.
    path : str
        Of "files": a file or a folder, relative to the recipe. Of "dataset": its name.
    documents : int
        How many are made or read at most; 0: all there are.
    level : int
        Of "stories".
    language : str
        Of "stories": "en" or "pt".
    seed : int
        Of what is made.
    languages : tuple of str
        Keep these alone (ISO 639-1); empty: do not look.
    confidence : float
        Least probability of the language.
    rules : tuple of str
        Names of quality rules or of sets of them, see `filters`.
    cut : int
        Cut texts of more characters than this at ends of paragraphs, into parts of about that length; 0: not.
        A source of few and long documents can only be drawn in lumps.
    like : str
        Keep what a classifier takes for that source's, and not for this one's.
    """

    name: str
    kind: str
    share: float
    path: str = ""
    documents: int = 0
    level: int = 3
    language: str = "en"
    seed: int = 0
    languages: tuple[str, ...] = ()
    confidence: float = 0.5
    rules: tuple[str, ...] = ()
    cut: int = 0
    like: str = ""

    def __post_init__(self) -> None:
        plain = self.name.replace("-", "").replace("_", "") if isinstance(self.name, str) else ""
        if not (plain.isascii() and plain.isalnum() and len(self.name) <= 60):
            raise ValueError(f"name is {self.name!r}: expected letters, digits, - and _")
        if self.kind not in KINDS:
            raise ValueError(f"kind is {self.kind!r}: expected one of {', '.join(KINDS)}")
        if self.kind in ("files", "dataset") and not (isinstance(self.path, str) and self.path):
            raise ValueError(f"kind is {self.kind!r} and path is missing")
        if self.kind not in ("files", "dataset") and not self.documents:
            raise ValueError(f"kind is {self.kind!r} and documents is missing: how many shall be made?")
        if (
            isinstance(self.share, bool)
            or not isinstance(self.share, int | float)
            or not 0 <= self.share < 1e9
        ):
            raise ValueError(f"share is {self.share!r}: expected a number of at least 0")
        if not isinstance(self.confidence, int | float) or not 0 <= self.confidence <= 1:
            raise ValueError(f"confidence is {self.confidence!r}: expected a probability")
        for name in ("documents", "level", "seed", "cut"):
            whole_number(name, getattr(self, name), 0)
        for name in ("languages", "rules"):
            object.__setattr__(self, name, _names(name, getattr(self, name)))
        rules_named(self.rules)


@dataclass(frozen=True)
class Deduplicate:
    """How near duplicates are found: signatures of `bands` times `rows` minima of `shingle` words each.

    A text goes if its estimated similarity with one that was kept is `threshold` or more.
    """

    shingle: int = 5
    bands: int = 16
    rows: int = 8
    threshold: float = 0.8

    def __post_init__(self) -> None:
        for name in ("shingle", "bands", "rows"):
            whole_number(name, getattr(self, name), 1)
        if self.bands * self.rows > 4096:
            raise ValueError(f"bands times rows is {self.bands * self.rows}: expected at most 4096")
        if not isinstance(self.threshold, int | float) or not 0 < self.threshold <= 1:
            raise ValueError(f"threshold is {self.threshold!r}: expected a similarity above 0, at most 1")


@dataclass(frozen=True)
class Recipe:
    """All that decides what comes out, byte by byte, beside the inputs themselves.

    Parameters
    ----------
    source : tuple of Source
        In order of precedence: of two duplicates the one of the earlier source stays.
    tokens : int
        To draw for training.
    seed : int
        Of sampling, of hashing and of the order of rows.
    vocab_size : int
        Of a tokenizer to be trained on the mixture; 0 if `tokenizer` is given.
    tokenizer : str
        File of one that exists, relative to the recipe.
    seq_len : int
        Tokens a row, for whoever opens the result.
    shard_tokens : int
        Tokens a file.
    held_out : float
        Share of the documents that are kept back, to read a loss on.
    deduplicate : Deduplicate
    """

    source: tuple[Source, ...]
    tokens: int
    seed: int = 0
    vocab_size: int = 0
    tokenizer: str = ""
    seq_len: int = 256
    shard_tokens: int = 1 << 24
    held_out: float = 0.0
    deduplicate: Deduplicate = field(default_factory=Deduplicate)

    def __post_init__(self) -> None:
        for name, least in (
            ("tokens", 1),
            ("seed", 0),
            ("vocab_size", 0),
            ("seq_len", 1),
            ("shard_tokens", 1),
        ):
            whole_number(name, getattr(self, name), least)
        if bool(self.vocab_size) == bool(self.tokenizer):
            raise ValueError("give either vocab_size (a tokenizer is trained) or tokenizer (its file)")
        if not isinstance(self.held_out, int | float) or not 0 <= self.held_out < 1:
            raise ValueError(f"held_out is {self.held_out!r}: expected a share of at least 0, below 1")
        names = [source.name for source in self.source]
        if not any(source.share for source in self.source):
            raise ValueError("no source with a share above 0: nothing would be drawn")
        for source in self.source:
            if names.count(source.name) > 1:
                raise ValueError(f"two sources are named {source.name}")
            if source.like and (source.like not in names or source.like == source.name):
                raise ValueError(f"source {source.name}: like is {source.like!r}: expected another source")

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values, for JSON."""
        return dict(json.loads(json.dumps(dataclasses.asdict(self))))

    @property
    def fingerprint(self) -> str:
        """A hash of all its values."""
        return hashlib.sha256(json.dumps(self.as_dict(), sort_keys=True).encode()).hexdigest()


def _names(what: str, value: object) -> tuple[str, ...]:
    """Return a list of strings as a tuple."""
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
        raise ValueError(f"{what} is {value!r}: expected a list of names")
    return tuple(value)
