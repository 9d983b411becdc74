"""Where a pipeline keeps what it has done so far, piece by piece, so that it can be stopped anywhere.

    work/begun.json               recipe and inputs of this run
    work/clean/web-000000.jsonl   texts that stay, one a line, with their digests
    work/clean/web-000000.npy     their signatures
    work/clean/web-000000.json    counts
    work/tokens/web-000000.bin    ids of those that are no duplicates
    work/tokens/web-000000.npy    their lengths, and which are held out

The last file of each kind is written last: where it is there, the piece is whole.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Int64

from .cleaning import Cleaned
from .files import write_whole


def write_json(path: Path, value: object) -> None:
    """Write a value as JSON, whole."""
    write_whole(path, json.dumps(value, ensure_ascii=False, sort_keys=True).encode() + b"\n")


def write_array(path: Path, array: np.ndarray) -> None:
    """Write an array as .npy, whole."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    write_whole(path, buffer.getvalue())


def read_array(path: Path) -> np.ndarray:
    """Read an array that `write_array` wrote."""
    array: np.ndarray = np.load(path, allow_pickle=False)
    return array


@dataclass(frozen=True)
class Piece:
    """A batch of documents of one source, on the disk.

    Attributes
    ----------
    work : Path
        The pipeline's folder.
    source : str
    number : int
    """

    work: Path
    source: str
    number: int

    def _path(self, folder: str, suffix: str) -> Path:
        return self.work / folder / f"{self.source}-{self.number:06}{suffix}"

    @property
    def is_clean(self) -> bool:
        """Whether its documents have been cleaned."""
        return self._path("clean", ".json").exists()

    @property
    def counts(self) -> dict[str, int]:
        """Documents and bytes that came in, and how many went for which reason."""
        counts: dict[str, int] = json.loads(self._path("clean", ".json").read_bytes())
        return counts

    def write_clean(self, cleaned: Cleaned) -> None:
        """Keep what came out of cleaning."""
        lines = [
            json.dumps({"text": text, "digest": digest}, ensure_ascii=False)
            for text, digest in zip(cleaned.texts, cleaned.digests, strict=True)
        ]
        write_whole(self._path("clean", ".jsonl"), "".join(line + "\n" for line in lines).encode())
        write_array(self._path("clean", ".npy"), cleaned.signatures)
        write_json(self._path("clean", ".json"), cleaned.counts | {"documents": len(cleaned.texts)})

    def documents(self) -> list[dict[str, str]]:
        """Return the cleaned documents, each with `text` and `digest`."""
        data = self._path("clean", ".jsonl").read_bytes()
        return [json.loads(line) for line in data.split(b"\n") if line]

    def signatures(self) -> np.ndarray:
        """Return the signatures of the cleaned documents, uint32 of shape (N, K)."""
        return read_array(self._path("clean", ".npy"))

    @property
    def is_tokenized(self) -> bool:
        """Whether its documents are token ids."""
        return self._path("tokens", ".npy").exists()

    def write_tokens(self, documents: list[list[int]], held_out: list[bool], dtype: str) -> None:
        """Keep the ids of the documents that stay."""
        joined = np.array(
            [token for document in documents for token in document], dtype=f"<{dtype_code(dtype)}"
        )
        write_whole(self._path("tokens", ".bin"), joined.tobytes())
        lengths = np.array([len(document) for document in documents], dtype=np.int64)
        write_array(self._path("tokens", ".npy"), np.stack([lengths, np.array(held_out, dtype=np.int64)]))

    def lengths(self) -> tuple[Int64[np.ndarray, " N"], Bool[np.ndarray, " N"]]:
        """Return the tokens of each document that stays, and whether it is held out."""
        lengths, held_out = read_array(self._path("tokens", ".npy"))
        return lengths, held_out.astype(bool)

    def tokens(self, start: int, length: int, dtype: str) -> np.ndarray:
        """Read some of the ids."""
        width = np.dtype(dtype).itemsize
        return np.fromfile(
            self._path("tokens", ".bin"), dtype=f"<{dtype_code(dtype)}", count=length, offset=start * width
        )


def dtype_code(dtype: str) -> str:
    """Return NumPy's short name of "uint16" or "uint32"."""
    return {"uint16": "u2", "uint32": "u4"}[dtype]


def begin(work: Path, what: dict[str, Any]) -> None:
    """Start a workspace, or go on in one that was begun for the same.

    Raises
    ------
    ValueError
        If it was begun for something else.
    """
    for folder in (work, work / "clean", work / "tokens"):
        folder.mkdir(parents=True, exist_ok=True)
    path = work / "begun.json"
    if not path.exists():
        write_json(path, what)
        return
    try:
        begun = json.loads(path.read_bytes())
    except ValueError:
        begun = None
    if begun != json.loads(json.dumps(what)):
        raise ValueError(
            f"{work.parent}: begun with another recipe or other inputs: go on with those, or name another"
        )
