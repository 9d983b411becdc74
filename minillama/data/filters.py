"""Quality by rule: what a page must look like to be read by a model, and who said so.

Each rule is a measurement and a limit. A text breaks a rule or does not; the first rule that it breaks is
the reason it is dropped for. The limits are those of the papers, chosen by them by hand, in English:

    Gopher      J. W. Rae and others (2021), arXiv 2112.11446, appendix A.1, table A1 for repetition
    C4          C. Raffel and others (2020), arXiv 1910.10683, section 2.2

Left out: lists of forbidden words (C4's threw away much that was not bad), C4's dropping of single lines
(here a page stays or goes as it is) and its least number of sentences, Gopher's limits on paragraphs.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

__all__ = ["RULES", "RULE_SETS", "Measured", "Rule", "broken_rules", "first_broken", "rules_named"]

STOP_WORDS = frozenset(["the", "be", "to", "of", "and", "that", "have", "with"])  # Gopher, appendix A.1
BULLETS = ("•", "●", "‣", "▪", "-", "*", "–")
_LETTER = re.compile(r"[^\W\d_]")
_END = re.compile(r"""[.!?…]["'”’)\]]*$""")


class Measured:
    """A text and what can be counted in it, each count made once and only when a rule asks.

    Examples
    --------
    >>> Measured("a cat sat a cat ran").characters_in_repeated(2)
    0.5714285714285714
    """

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def words(self) -> list[str]:
        """What white space separates."""
        return self.text.split()

    @cached_property
    def lines(self) -> list[str]:
        """Lines that hold something."""
        return [line.strip() for line in self.text.splitlines() if line.strip()]

    @property
    def mean_word_length(self) -> float:
        """Characters a word."""
        return sum(map(len, self.words)) / max(1, len(self.words))

    def share_of_words(self, test: Callable[[str], object]) -> float:
        """Return the share of words that pass a test."""
        return sum(1 for word in self.words if test(word)) / max(1, len(self.words))

    def share_of_lines(self, test: Callable[[str], object]) -> float:
        """Return the share of lines that pass a test."""
        return sum(1 for line in self.lines if test(line)) / max(1, len(self.lines))

    @property
    def characters_in_repeated_lines(self) -> float:
        """Share of characters in lines that stood there before."""
        counts = Counter(self.lines)
        again = sum((n - 1) * len(line) for line, n in counts.items())
        return again / max(1, sum(map(len, self.lines)))

    def characters_in_repeated(self, n: int) -> float:
        """Return the share of characters in n-word sequences that occur more than once, each counted once."""
        words = self.words
        grams = list(zip(*(words[i:] for i in range(n)), strict=False))
        counts = Counter(grams)
        if len(counts) == len(grams):
            return 0.0
        inside = [False] * len(words)
        for place, gram in enumerate(grams):
            if counts[gram] > 1:
                inside[place : place + n] = [True] * n
        covered = sum(len(word) for word, yes in zip(words, inside, strict=True) if yes)
        return covered / sum(map(len, words))

    def top_share(self, n: int) -> float:
        """Return the share of characters that lie in the most frequent n-word sequence."""
        grams = Counter(zip(*(self.words[i:] for i in range(n)), strict=False))
        if not grams:
            return 0.0
        most = max(grams.values())
        if most == 1:
            return 0.0
        longest = max(sum(map(len, gram)) for gram, count in grams.items() if count == most)
        return most * longest / max(1, sum(map(len, self.words)))


@dataclass(frozen=True)
class Rule:
    """A rule: its name, what it wants, whose it is, and the test that a text breaks it by."""

    name: str
    wants: str
    source: str
    broken: Callable[[Measured], bool]


def _rules() -> Iterator[Rule]:
    gopher, c4 = "Gopher, A.1", "C4, 2.2"
    yield Rule("too few words", "50 words or more", gopher, lambda t: len(t.words) < 50)
    yield Rule("too many words", "at most 100,000 words", gopher, lambda t: len(t.words) > 100_000)
    yield Rule(
        "word length",
        "3 to 10 characters a word on average",
        gopher,
        lambda t: not 3 <= t.mean_word_length <= 10,
    )
    yield Rule(
        "symbols",
        "fewer than one # or … for ten words",
        gopher,
        lambda t: _symbols(t.text) > 0.1 * len(t.words),
    )
    yield Rule(
        "bullets",
        "at most 90 % of lines begin with a bullet",
        gopher,
        lambda t: t.share_of_lines(lambda line: line.startswith(BULLETS)) > 0.9,
    )
    yield Rule(
        "ellipses",
        "at most 30 % of lines end in an ellipsis",
        gopher,
        lambda t: t.share_of_lines(lambda line: line.endswith(("...", "…"))) > 0.3,
    )
    yield Rule(
        "letters",
        "80 % of words hold a letter",
        gopher,
        lambda t: t.share_of_words(_LETTER.search) < 0.8,
    )
    yield Rule(
        "stop words",
        "two of the, be, to, of, and, that, have, with",
        gopher,
        lambda t: len(STOP_WORDS.intersection(word.lower() for word in t.words)) < 2,
    )
    yield Rule(
        "repeated lines",
        "at most 20 % of characters in repeated lines",
        "Gopher, table A1",
        lambda t: t.characters_in_repeated_lines > 0.2,
    )
    for n, limit in ((2, 0.20), (3, 0.18), (4, 0.16)):
        yield Rule(
            f"top {n}-gram",
            f"at most {limit:.0%} of characters in the most frequent {n} words",
            "Gopher, table A1",
            lambda t, n=n, limit=limit: t.top_share(n) > limit,  # type: ignore[misc]
        )
    for n, limit in zip(range(5, 11), (0.15, 0.14, 0.13, 0.12, 0.11, 0.10), strict=True):
        yield Rule(
            f"repeated {n}-grams",
            f"at most {limit:.0%} of characters in repeated {n}-word sequences",
            "Gopher, table A1",
            lambda t, n=n, limit=limit: t.characters_in_repeated(n) > limit,  # type: ignore[misc]
        )
    yield Rule("braces", "no curly brace: it is code", c4, lambda t: "{" in t.text)
    yield Rule("lorem ipsum", "no lorem ipsum", c4, lambda t: "lorem ipsum" in t.text.lower())
    yield Rule(
        "line ends",
        "half of the lines or more end like a sentence (C4 drops the lines that do not)",
        c4,
        lambda t: t.share_of_lines(_END.search) < 0.5,
    )


def _symbols(text: str) -> int:
    return text.count("#") + text.count("…") + text.count("...")


RULES: dict[str, Rule] = {rule.name: rule for rule in _rules()}
"""All rules by name, the cheap ones first."""

RULE_SETS: dict[str, tuple[str, ...]] = {
    "gopher": tuple(name for name, rule in RULES.items() if rule.source.startswith("Gopher")),
    "c4": tuple(name for name, rule in RULES.items() if rule.source.startswith("C4")),
}
"""Names for many rules at once."""


def rules_named(names: Iterable[str]) -> list[Rule]:
    """Return rules by name or by the name of a set, in the order of `RULES`.

    Raises
    ------
    ValueError
        If there is no rule or set of such a name.
    """
    wanted: set[str] = set()
    for name in names:
        if name not in RULES and name not in RULE_SETS:
            raise ValueError(
                f"there is no rule {name!r}: expected {', '.join(RULE_SETS)}, or some of {', '.join(RULES)}"
            )
        wanted.update(RULE_SETS.get(name, (name,)))
    return [rule for rule in RULES.values() if rule.name in wanted]


def broken_rules(text: str, rules: Iterable[Rule]) -> list[str]:
    """Return the names of all rules that a text breaks."""
    measured = Measured(text)
    return [rule.name for rule in rules if rule.broken(measured)]


def first_broken(text: str, rules: Iterable[Rule]) -> str | None:
    """Return the name of the first rule that a text breaks, or None.

    Examples
    --------
    >>> first_broken("Buy now! " * 40, rules_named(["gopher"]))
    'stop words'
    """
    measured = Measured(text)
    return next((rule.name for rule in rules if rule.broken(measured)), None)
