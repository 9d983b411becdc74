"""The stages of the data pipeline, each on one core, on made-up web pages."""

from __future__ import annotations

from .measuring import Figure, seconds

PAGES = 400


def figures() -> list[Figure]:
    """Time each stage over a crawl of four hundred pages, in megabytes of its own input a second."""
    import numpy as np

    from ...data.cleaning import digest_of
    from ...data.duplicates import Deduplicator
    from ...data.filters import first_broken, rules_named
    from ...data.html import extract_text
    from ...data.language import language_of
    from ...data.minhash import MinHasher, shingles
    from ...data.pages import pages
    from ...data.recipe import Deduplicate
    from ...tokenizer import Tokenizer

    crawl = [page.html for page in pages(0, PAGES)]
    texts = [text for text in map(extract_text, crawl) if text]
    rules, hasher, settings = rules_named(["gopher", "c4"]), MinHasher(128), Deduplicate()
    signatures = [hasher.signature(shingles(text)) for text in texts]
    tokenizer = Tokenizer.train(texts, 1024)

    def deduplicate() -> None:
        seen = Deduplicator(settings)
        for text, signature in zip(texts, signatures, strict=True):
            seen.judge(digest_of(text), signature)

    stages = {
        "extract": (crawl, lambda: [extract_text(page) for page in crawl]),
        "language": (texts, lambda: [language_of(text) for text in texts]),
        "rules": (texts, lambda: [first_broken(text, rules) for text in texts]),
        "signatures": (texts, lambda: [hasher.signature(shingles(text)) for text in texts]),
        "deduplicate": (texts, deduplicate),
        "tokenize": (texts, lambda: [np.array(tokenizer.encode(text)) for text in texts]),
    }
    return [
        (f"data: {stage}", "MB/s a core", [sum(map(len, read)) / 1e6 / t for t in seconds(work)])
        for stage, (read, work) in stages.items()
    ]
