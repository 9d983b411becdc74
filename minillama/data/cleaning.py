"""What happens to one document: decode, extract, look at the language, apply the rules, ask the classifier.

Everything here is a pure function of the document and the settings, so that any process may do it. Either a
text comes out or the reason why none does; reasons are counted and end up in the manifest.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt32

from .classifier import Classifier
from .filters import first_broken, rules_named
from .html import decode_page, extract_text
from .language import language_of
from .minhash import MinHasher, shingles
from .raw import Raw
from .recipe import Deduplicate, Source

LIKE_LEAST = 0.5  # a page stays if the classifier gives it this probability


@dataclass(frozen=True)
class Cleaner:
    """What to do with the documents of one source.

    Parameters
    ----------
    source : Source
    deduplicate : Deduplicate
    seed : int
        Of the hash functions.
    classifier : Classifier, optional
    """

    source: Source
    deduplicate: Deduplicate
    seed: int
    classifier: Classifier | None = None

    def text_of(self, raw: Raw) -> tuple[str, str]:
        """Return (text, reason): the text if the document stays, else the reason why it does not."""
        if raw.fault:
            return "", raw.fault
        try:
            text = plain_text(raw)
        except UnicodeError:
            return "", "encoding"
        if not text:
            return "", "no text"
        if self.source.languages:
            code, probability = language_of(text)
            if code not in self.source.languages or probability < self.source.confidence:
                return "", "language"
        broken = first_broken(text, rules_named(self.source.rules))
        if broken:
            return "", broken
        if self.classifier is not None and self.classifier.probability(text) < LIKE_LEAST:
            return "", f"not like {self.source.like}"
        return text, ""

    def clean(self, raws: Iterable[Raw]) -> Cleaned:
        """Clean a batch of documents."""
        hasher = MinHasher(self.deduplicate.bands * self.deduplicate.rows, self.seed)
        texts, digests, signatures, counts = [], [], [], Counter[str]()
        for raw in raws:
            counts["documents in"] += 1
            counts["bytes in"] += raw.size
            text, reason = self.text_of(raw)
            if reason:
                counts[reason] += 1
            for part in parts(text, self.source.cut) if text else ():
                texts.append(part)
                digests.append(digest_of(part))
                signatures.append(hasher.signature(shingles(part, self.deduplicate.shingle)))
        table = np.stack(signatures) if signatures else np.empty((0, hasher.size), dtype=np.uint32)
        return Cleaned(tuple(texts), tuple(digests), table, dict(counts))


@dataclass(frozen=True)
class Cleaned:
    """A batch of documents that stay.

    Attributes
    ----------
    texts : tuple of N str
    digests : tuple of N str
        See `digest_of`.
    signatures : uint32 array, shape (N, K)
    counts : dict of str to int
        Documents and bytes that came in, and how many went for which reason.
    """

    texts: tuple[str, ...]
    digests: tuple[str, ...]
    signatures: UInt32[np.ndarray, "N K"]
    counts: dict[str, int]


def plain_text(raw: Raw) -> str:
    """Return the text of a document, in Unicode's composed form and with single line ends.

    Raises
    ------
    UnicodeError
        (a ValueError) If the bytes are not in an encoding that we know.
    """
    if raw.is_html:
        page = raw.data if isinstance(raw.data, str) else decode_page(raw.data)
        text = extract_text(page)
    else:
        text = (
            raw.data if isinstance(raw.data, str) else raw.data.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
        )
    text.encode("utf-8")  # JSON may smuggle in half of a surrogate pair
    return unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n").strip()


def parts(text: str, length: int) -> list[str]:
    r"""Cut a text at ends of paragraphs (empty lines) into parts of about `length` characters; 0: do not.

    Examples
    --------
    >>> parts("one\n\ntwo\n\nthree", 8)
    ['one\n\ntwo', 'three']
    """
    if not length or len(text) <= length:
        return [text]
    made: list[str] = []
    for paragraph in re.split(r"\n\s*\n", text):
        if made and len(made[-1]) + 2 + len(paragraph) <= length:
            made[-1] += "\n\n" + paragraph
        else:
            made.append(paragraph)
    return made


def digest_of(text: str) -> str:
    r"""Return a hash that is equal for texts that differ in white space and case alone.

    Examples
    --------
    >>> digest_of("One  Two\n") == digest_of("one two")
    True
    """
    normal = re.sub(r"\s+", " ", text.casefold()).strip()
    return hashlib.sha256(normal.encode()).hexdigest()
