"""What a text says, once it is read: its choices, its nats, and what each stretch of it demands.

    Once there was Mia , a shy little cat ...  She asked a bird for help.  Soon the little cat ...
    ---grammar---- -ch- -g- -choice-           coref ----rule------------  -ending----copy---

Every stretch begins with the space before it, as the tokens of a byte-level BPE do, so a token lies in
one stretch nearly always (at a stretch's edge without a space, such as the full stop after a name, the
pre-tokeniser cuts too).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from minillama.data.stories.narrators import Chosen, Program, Replayer
from minillama.data.stories.parser import Parser
from minillama.data.stories.templates import decided
from minillama.data.stories.words import LANGUAGES, Word

Mark = tuple[int, int, str, float]  # start, end, skill, nats
Fork = tuple[int, tuple[str, ...], int, float]  # start, the heads, the index of the one taken, nats


class Span(NamedTuple):
    """The stretch text[start:end], the skill that it takes, and the surprise in it that nobody can avoid.

    Skills: `choice` (something new is drawn; the only one with nats), `grammar` (the language leaves
    nothing else), `copy` (something bound is named again), `coreference` (a pronoun for it), `counting`,
    `rule` (the world leaves nothing else), `ending` (what happened decides it), `two-hop` (it follows from
    two facts told apart).
    """

    start: int
    end: int
    skill: str
    nats: float


@dataclass(frozen=True)
class Derivation:
    """How a text came about.

    Attributes
    ----------
    level : int
        1, 2 or 3.
    language : str
        "en" or "pt".
    text : str
        The story.
    nats : float
        -log p(text | level, language).
    choices : tuple of (name, option, p)
        In the order of the program.
    """

    level: int
    language: str
    text: str
    nats: float
    choices: tuple[Chosen, ...]
    _parser: Parser = field(repr=False, compare=False)
    _program: Program = field(repr=False, compare=False)

    @cached_property
    def spans(self) -> tuple[Span, ...]:
        """The text cut into stretches, from its first character to its last."""
        return cut(self.text, self._parser.marks, self._parser.heads)

    @cached_property
    def notes(self) -> dict[str, Any]:
        """What the program noted about the story, with words as `Word`."""
        return dict(self._parser.notes)

    @cached_property
    def facts(self) -> dict[str, Any]:
        """The same with words by their keys, which do not depend on the language: hero, friend, mood, ..."""
        return {name: value.key if isinstance(value, Word) else value for name, value in self.notes.items()}

    @property
    def asked(self) -> tuple[tuple[str, str, str], ...]:
        """(skill, question, answer), in the order in which the story settles them."""
        return tuple(self._parser.questions)

    def render(self, language: str) -> str:
        """Tell the same story in a language.

        Raises
        ------
        ValueError
            If there is no such language.
        """
        if language not in LANGUAGES:
            raise ValueError(f"language {language!r} is unknown: expected one of {', '.join(LANGUAGES)}")
        replayer = Replayer(self.choices, language)
        self._program(replayer)
        return replayer.text


def read(text: str, level: int, language: str, program: Program) -> Derivation:
    """Parse a text with one program.

    Raises
    ------
    StoryError
        If the program cannot have told this text in this language.
    """
    parser = Parser(text, language)
    program(parser)
    parser.finish()
    return Derivation(level, language, text, parser.nats, tuple(parser.choices), parser, program)


def cut(text: str, marks: Sequence[Mark], forks: Sequence[Fork]) -> tuple[Span, ...]:
    """Turn a parser's marks and forks into stretches.

    The decisive stretch of a head is taken out of the marks that it lies on. The parser's text has a space
    in front, so its positions are one too high.
    """
    heads: list[Mark] = []
    for at, texts, way, nats in forks:
        start, end = decided(texts, way)
        heads.append((at + start, at + end, "choice", nats))
    pieces = list(heads)
    for start, end, skill, nats in marks:
        for from_, to, _, _ in heads:
            if from_ < end and start < to:
                if start < from_:
                    pieces.append((start, from_, skill, 0.0))
                start = min(to, end)
        pieces.append((start, end, skill, nats))
    pieces = sorted(piece for piece in pieces if piece[0] < piece[1])
    return tuple(_join(text, [(max(s - 1, 0), e - 1, skill, nats) for s, e, skill, nats in pieces]))


def _join(text: str, edges: list[Mark]) -> list[Span]:
    """Give every stretch the space before it; melt neighbours of one skill that draw nothing."""
    spans: list[Span] = []
    for start, end, skill, nats in edges:
        if spans and start > 0 and text[start - 1] == " ":
            last = spans.pop()
            start -= 1
            if last.start < start:
                spans.append(last._replace(end=start))
            else:
                nats += last.nats
        if start >= end:
            continue
        if spans and not nats and spans[-1].skill == skill and not spans[-1].nats:
            spans[-1] = spans[-1]._replace(end=end)
        else:
            spans.append(Span(start, end, skill, nats))
    return spans
