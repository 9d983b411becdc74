"""Does a page look like one that Wikipedia cites? A linear classifier, trained on the spot.

LLaMA kept a web page if a linear model took it for one that Wikipedia gives as a reference, and not for one
at random (arXiv 2302.13971, section 2.1). The model here is logistic regression on hashed words and pairs
of words: each text is a vector of their counts' square roots at length one, and one weight a feature says
how much it speaks for the good side.

Left out: everything that makes such classifiers good at scale (a hundred thousand examples, word vectors as
in fastText). It is no judge of truth; it knows a register.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from zlib import crc32

import numpy as np
from jaxtyping import Float32, Float64, Int64

FEATURES = 1 << 13
LOOKED_AT = 500  # words of a text that are looked at
_GRID = 1 / 256  # weights are rounded to this, so that another CPU's rounding does not flip a verdict
_WORD = re.compile(r"\w+|[.!?]")


def features(text: str) -> tuple[Int64[np.ndarray, " N"], Float64[np.ndarray, " N"]]:
    """Return which of the features a text has, and their values: square roots of counts, at length one."""
    words = [word.encode() for word in _WORD.findall(text.casefold())[:LOOKED_AT]]
    pairs = [a + b" " + b for a, b in pairwise(words)]
    where = np.array([crc32(feature) % FEATURES for feature in [*words, *pairs]], dtype=np.int64)
    places, counts = np.unique(where, return_counts=True)
    return places, np.sqrt(counts / max(1, counts.sum()))


@dataclass(frozen=True)
class Classifier:
    """A weight for each feature, and a bias.

    Attributes
    ----------
    weights : float32 array, shape (F,)
    bias : float
    """

    weights: Float32[np.ndarray, " F"]
    bias: float

    def probability(self, text: str) -> float:
        """Return the probability that a text is of the good kind."""
        places, values = features(text)
        score = float(np.sum(self.weights[places].astype(np.float64) * values)) + self.bias
        return float(1 / (1 + np.exp(-score)))


def train_classifier(
    good: Sequence[str], random: Sequence[str], steps: int = 150, rate: float = 2.0, decay: float = 1e-4
) -> Classifier:
    """Learn to tell good texts from texts at random, by gradient descent on all of them at once.

    The loss is the mean of -log p over both kinds, each having half of the weight, plus `decay` / 2 times the
    squared weights.

    Parameters
    ----------
    good, random : sequences of str
        The random ones may well hold good ones: then no more can be learnt than their share allows.
    steps : int
    rate : float
        Below 4, where steps begin to overshoot: no curvature of the loss is above (1 + 1) / 4, for a text of
        length one and the bias. What overshoots hangs on how sums were rounded.
    decay : float

    Raises
    ------
    ValueError
        If one of the two is empty.

    Examples
    --------
    >>> model = train_classifier(["The river flows to the sea."] * 3, ["Buy cheap watches now!"] * 3)
    >>> model.probability("A river flows.") > 0.6 > 0.4 > model.probability("Buy now!")
    True
    """
    if not good or not random:
        raise ValueError(f"{len(good)} good and {len(random)} random texts: expected some of each")
    texts = [*good, *random]
    matrix = np.zeros((len(texts), FEATURES), dtype=np.float32)
    for row, text in zip(matrix, texts, strict=True):
        places, values = features(text)
        row[places] = values
    label = np.r_[np.ones(len(good)), np.zeros(len(random))].astype(np.float32)
    share = np.where(label == 1, 0.5 / len(good), 0.5 / len(random)).astype(np.float32)
    weights, bias = np.zeros(FEATURES, dtype=np.float32), 0.0
    for _ in range(steps):
        surprise = share * (1 / (1 + np.exp(-(matrix @ weights + bias))) - label)
        weights -= rate * (surprise @ matrix + decay * weights)
        bias -= rate * float(surprise.sum())
    return Classifier(np.round(weights / _GRID) * np.float32(_GRID), round(bias / _GRID) * _GRID)
