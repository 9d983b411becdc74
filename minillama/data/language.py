"""Which language is a text in, and how sure is that? py3langid says, our threshold decides.

The identifier is a naive Bayes classifier over byte n-grams (M. Lui and T. Baldwin, 2012, *langid.py*).
CCNet, whose filter LLaMA took over, uses fastText's and a threshold of one half (G. Wenzek and others, 2020,
arXiv 1911.00359).
"""

from __future__ import annotations

from functools import cache
from typing import Any

from .html import extra

CONFIDENCE = 0.5
LOOKED_AT = 4000  # characters; more of a text does not change the answer


@cache
def _identifier() -> Any:
    module = extra("py3langid.langid")
    return module.LanguageIdentifier.from_model_file(module.MODEL_FILE, norm_probs=True)


def language_of(text: str) -> tuple[str, float]:
    """Return the most probable language of a text as its ISO 639-1 code, and its probability.

    Raises
    ------
    MissingExtra
        (a ValueError) If py3langid is not installed.

    Examples
    --------
    >>> language_of("Era uma vez uma raposa que gostava de maçãs vermelhas.")[0]
    'pt'
    """
    code, probability = _identifier().classify(text[:LOOKED_AT])
    return str(code), float(probability)
