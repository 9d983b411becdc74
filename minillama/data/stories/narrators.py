"""One story program, run by three narrators.

A story is a Python function `tell(t)`. It is written once, and what `t` is decides what happens:

    t.say("{who} saw {what:a}.", "{who} viu {what:um}.", who=mia, what=ANIMALS)

    Sampler    draws `what` from ANIMALS,           writes the sentence,   adds -log p
    Parser     reads the sentence in a given text,  finds `what` in it,    adds -log p
    Replayer   takes `what` from a list,            writes the sentence    (in any language)

All three return `what` to the program, so the program goes on in the same way. What it does next depends
on nothing but the choices so far, and every choice is spoken at once from a prefix-free set: hence a text
has one derivation at most, and no story begins with another whole story.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, Protocol, runtime_checkable

from minillama.data.stories.templates import template, ways
from minillama.data.stories.words import Choice, Word

Alternative = tuple[float, str, str, str]
Pair = tuple[str, str]


class Chosen(NamedTuple):
    """One choice of a derivation: its name, the option taken, and the probability of that option."""

    name: str
    option: str
    p: float


@runtime_checkable
class Narrator(Protocol):
    """What a story program may ask of `t`."""

    def say(self, en: str, pt: str, **slots: Word | Choice) -> Any:
        """Say a sentence, and return the word of each slot given as a choice (one word, or a tuple)."""

    def ways(self, name: str, *alternatives: Alternative, **slots: Word | Choice) -> Any:
        """Say one of several sentences (weight, key, en, pt), and return its key (then the fresh words)."""

    def note(self, **facts: Any) -> None:
        """Remember facts about the story, which a parser hands on with the derivation."""

    def ask(self, skill: str, question: Pair, answer: Pair, **words: Word) -> None:
        """Put a question to which the story so far has exactly one answer; both are templates (en, pt)."""


Program = Callable[[Narrator], None]


class Writer:
    """What Sampler and Replayer share: settle every choice, then write the sentence."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.nats = 0.0
        self._written: list[str] = []

    @property
    def text(self) -> str:
        """What was written so far."""
        return "".join(self._written)[1:]

    def settle(self, choice: Choice) -> int:
        """Return the index of the option to take."""
        raise NotImplementedError

    def say(self, en: str, pt: str, **slots: Any) -> Any:
        """See `Narrator`."""
        sentence = template(en, pt)
        fresh = []
        for name, value in slots.items():
            if value.__class__ is Choice:
                i = self.settle(value)
                self.nats += value.nats[i]
                slots[name] = word = value.words[i]
                fresh.append(word)
        self._written.append(sentence.render(self.language, slots))
        return fresh[0] if len(fresh) == 1 else tuple(fresh)

    def ways(self, name: str, *alternatives: Alternative, **slots: Any) -> Any:
        """See `Narrator`."""
        fork = ways(name, alternatives)
        way = self.settle(fork.choice)
        self.nats += fork.choice.nats[way]
        sentence = fork.templates[way]
        fresh: list[Word | None] = []
        for slot, value in slots.items():
            if value.__class__ is Choice:
                word = None
                if slot in sentence.slots:
                    i = self.settle(value)
                    self.nats += value.nats[i]
                    slots[slot] = word = value.words[i]
                fresh.append(word)
        self._written.append(sentence.render(self.language, slots))
        return (fork.keys[way], *fresh) if fresh else fork.keys[way]

    def note(self, **facts: Any) -> None:
        """Let it pass: only a parser keeps facts."""

    def ask(self, skill: str, question: Pair, answer: Pair, **words: Word) -> None:
        """Let it pass: only a parser keeps questions."""


class Sampler(Writer):
    """Draws every choice; `random` returns floats in [0, 1)."""

    def __init__(self, random: Callable[[], float], language: str) -> None:
        super().__init__(language)
        self._random = random

    def settle(self, choice: Choice) -> int:
        """Draw an option."""
        return choice.draw(self._random())


class Replayer(Writer):
    """Takes the choices from a derivation, and so writes the same story in any language."""

    def __init__(self, choices: Iterable[Chosen], language: str) -> None:
        super().__init__(language)
        self._choices: Iterator[Chosen] = iter(choices)

    def settle(self, choice: Choice) -> int:
        """Take the next recorded option."""
        chosen = next(self._choices)
        assert chosen.name == choice.name, f"replaying {choice.name}, but {chosen.name} was recorded"
        return choice.index[chosen.option]
