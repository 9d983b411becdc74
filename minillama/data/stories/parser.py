"""The narrator that reads: it runs a story program against a text, and finds the choices in it.

    program    t.say("{who} saw {what:a}.", ..., who=mia, what=ANIMALS)
    text       ... Mia saw an owl.
               |   |  |   |     |
    read as    said bound literal ANIMALS at "an owl" literal

Literals and bound words have to be there, letter by letter. Of a choice exactly one option can be there,
since its forms are prefix-free. So there is nothing to search, and no way back: one pass, one derivation.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from minillama.data.stories.narrators import Alternative, Chosen, Pair
from minillama.data.stories.templates import Template, common, template, ways
from minillama.data.stories.words import Choice, Word


class StoryError(ValueError):
    """A text that is not a story of this world.

    Attributes
    ----------
    position : int
        Index of the first character at which no story goes on like this.
    expected : tuple of str
        What a story may say there.
    found : str
        What the text says there.
    """

    def __init__(self, position: int, expected: Iterable[str], found: str) -> None:
        self.position = position
        self.expected = tuple(expected)
        self.found = found
        shown = " or ".join(repr(text) if text else "the end of the story" for text in self.expected[:4])
        more = f" (or {len(self.expected) - 4} others)" if len(self.expected) > 4 else ""
        says = repr(found) if found else "the end of the text"
        super().__init__(f"not a story: at character {position} expected {shown}{more}, found {says}")


class Parser:
    """Reads a given text.

    Attributes
    ----------
    choices : list of Chosen
        In the order in which the program makes them, which does not depend on the language.
    marks : list of (start, end, skill, nats)
        Literals and slots, one after the other.
    heads : list of (start, heads, index of the one taken, nats)
        Where ways parted; what of a head was decisive is left to `derivation.cut`.
    notes : dict
        What the program noted, words as words.
    questions : list of (skill, question, answer)
        What the program asked.
    """

    def __init__(self, text: str, language: str) -> None:
        self.language = language
        self.nats = 0.0
        self.choices: list[Chosen] = []
        self.marks: list[tuple[int, int, str, float]] = []
        self.heads: list[tuple[int, tuple[str, ...], int, float]] = []
        self.notes: dict[str, Any] = {}
        self.questions: list[tuple[str, str, str]] = []
        self._text = " " + text  # as every sentence begins with the space before it
        self._at = 0

    def say(self, en: str, pt: str, **slots: Any) -> Any:
        """See `Narrator`."""
        return self._read(template(en, pt), slots)

    def ways(self, name: str, *alternatives: Alternative, **slots: Any) -> Any:
        """See `Narrator`."""
        fork = ways(name, alternatives)
        heads = fork.heads(self.language, slots)
        way = next((i for i, head in enumerate(heads) if self._text.startswith(head, self._at)), -1)
        if way < 0:
            raise self._error(heads)
        nats = fork.choice.nats[way]
        self.nats += nats
        self.choices.append(Chosen(name, fork.keys[way], fork.choice.p[way]))
        if nats:
            self.heads.append((self._at, heads, way, nats))
        fresh = [slot for slot, value in slots.items() if value.__class__ is Choice]
        self._read(fork.templates[way], slots)
        if not fresh:
            return fork.keys[way]
        return (fork.keys[way], *(None if slots[s].__class__ is Choice else slots[s] for s in fresh))

    def note(self, **facts: Any) -> None:
        """See `Narrator`."""
        self.notes.update(facts)

    def ask(self, skill: str, question: Pair, answer: Pair, **words: Word) -> None:
        """See `Narrator`."""
        self.questions.append(
            (
                skill,
                template(*question).render(self.language, words)[1:],
                template(*answer).render(self.language, words)[1:],
            )
        )

    def finish(self) -> None:
        """Assert that the text ends where the story does.

        Raises
        ------
        StoryError
            If the text goes on.
        """
        if self._at != len(self._text):
            raise StoryError(self._at - 1, ("",), self._text[self._at : self._at + 24])

    def _read(self, sentence: Template, slots: dict[str, Any]) -> Any:
        """Match one sentence, put the words found into `slots`, record the choices in canonical order."""
        text, at = self._text, self._at
        found: dict[str, Chosen] = {}
        for literal, skill, slot, form, agree in sentence.parts[self.language]:
            nats = 0.0
            if slot:
                if agree:
                    form = slots[agree].gender
                word = slots[slot]
                if word.__class__ is Choice:
                    for i, literal in enumerate(word.spoken(self.language, form)):  # noqa: B007
                        if text.startswith(literal, at):
                            break
                    else:
                        self._at = at
                        raise self._error(word.spoken(self.language, form))
                    nats = word.nats[i]
                    if nats:
                        skill = "choice"
                    self.nats += nats
                    slots[slot] = word.words[i]
                    found[slot] = Chosen(word.name, word.words[i].key, word.p[i])
                else:
                    literal = word.forms[self.language][form]
            if not text.startswith(literal, at):
                self._at = at
                raise self._error([literal])
            end = at + len(literal)
            self.marks.append((at, end, skill, nats))
            at = end
        self._at = at
        if not found:
            return ()
        in_order = [slot for slot in slots if slot in found]
        self.choices.extend([found[slot] for slot in in_order])
        return slots[in_order[0]] if len(in_order) == 1 else tuple([slots[slot] for slot in in_order])

    def _error(self, expected: Iterable[str]) -> StoryError:
        """Say where the text leaves the way: at the first character that no expected text shares."""
        expected = list(expected)
        rest = self._text[self._at :]
        agreed = max(common(text, rest) for text in expected)
        tails = [text[agreed:] for text in expected if common(text, rest) == agreed]
        return StoryError(max(self._at + agreed - 1, 0), tails, rest[agreed : agreed + 24])
