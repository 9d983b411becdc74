"""The story world: short stories whose entropy is known exactly.

    >>> stories = Stories(seed=1, level=1)
    >>> story = stories.sample()
    >>> abs(Stories.nats(story.text) - story.nats) < 1e-9
    True

A story is told by a program that makes random choices and speaks each of them at once. A text can
therefore be read back in one way only, and its probability is the product of the probabilities of the
choices found: `-log p(text)` is exact, and its mean, the entropy, is a floor under the loss of every
model. The modules, in the order in which to read them:

    words.py        words and their forms, choices between them
    templates.py    sentences in two languages, side by side
    narrators.py    Sampler and Replayer, two of the three ways to run a story program
    parser.py       the third way: to read
    derivation.py   what a text says, once it is read
    lexicon.py      how a dictionary entry becomes a word with all its forms
    level1.py       the smallest world, in one file
    level2.py       two friends who talk
    level3.py       the whole world, with cast.py, things.py and the kinds of story in kinds/
    tasks.py        instructions, questions and a reward, all checked by parsing
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from minillama.data.stories import level1, level2, level3
from minillama.data.stories.derivation import Derivation, Span, read
from minillama.data.stories.narrators import Chosen, Program, Sampler
from minillama.data.stories.parser import StoryError
from minillama.data.stories.words import LANGUAGES

__all__ = ["LANGUAGES", "LEVELS", "Chosen", "Derivation", "Span", "Stories", "Story", "StoryError"]

LEVELS: dict[int, Program] = {1: level1.tell, 2: level2.tell, 3: level3.tell}


@dataclass(frozen=True)
class Story:
    """A story and what it costs.

    Attributes
    ----------
    text : str
        The story, one paragraph.
    nats : float
        -log p(text | level, language).
    """

    text: str
    nats: float

    @property
    def derivation(self) -> Derivation:
        """The choices behind the text (it is parsed at each call)."""
        return Stories.parse(self.text)


class Stories:
    """An endless source of stories, the same for the same seed on every machine.

    Two sources with one seed and two languages tell the same stories in two languages.

    Parameters
    ----------
    seed : int
        Of the choices.
    language : str
        "en" or "pt".
    level : int
        1: one character, some 45 words. 2: two characters who talk. 3: the whole world.

    Raises
    ------
    ValueError
        If there is no such language or level.

    Examples
    --------
    >>> english, portuguese = Stories(7, level=1), Stories(7, "pt", level=1)
    >>> story = english.sample()
    >>> Stories.parse(story.text).render("pt") == portuguese.sample().text
    True
    """

    def __init__(self, seed: int, language: str = "en", level: int = 3) -> None:
        if language not in LANGUAGES:
            raise ValueError(f"language {language!r} is unknown: expected one of {', '.join(LANGUAGES)}")
        if level not in LEVELS:
            raise ValueError(f"level {level!r} is unknown: expected one of {', '.join(map(str, LEVELS))}")
        self.language = language
        self.level = level
        self._program = LEVELS[level]
        self._random = Random(seed).random

    def sample(self) -> Story:
        """Tell the next story."""
        sampler = Sampler(self._random, self.language)
        self._program(sampler)
        return Story(sampler.text, sampler.nats)

    def __iter__(self) -> Iterator[Story]:
        while True:
            yield self.sample()

    @staticmethod
    def parse(text: str) -> Derivation:
        """Read a story of any level and language.

        Raises
        ------
        StoryError
            (a ValueError) If it is none; it says where, what was expected there and what was found.
        """
        furthest: StoryError | None = None
        for level, program in LEVELS.items():
            for language in LANGUAGES:
                try:
                    return read(text, level, language, program)
                except StoryError as error:
                    if furthest is None or error.position > furthest.position:
                        furthest = error
        assert furthest is not None
        raise furthest

    @staticmethod
    def nats(text: str) -> float:
        """Return -log p(text | level, language).

        Raises
        ------
        StoryError
            (a ValueError) If the text is not a story.
        """
        return Stories.parse(text).nats
