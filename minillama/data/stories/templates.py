"""Sentence templates in two languages, side by side.

    en  "One {day} {hero:he} lost {hero:his} {colour} {toy}."
    pt  "Numa {day}, perdeu {toy:o} {colour:@toy}."

A slot is `{name}`, `{name:form}` or `{name:form!skill}`. The form says which of the word's forms is
spoken (see `words.py`); `@other` takes the form called after the gender of another slot's word. Plain text
in `[skill:...]` carries that skill, `[ending:She danced all the way home.]`; slots in it keep their own.

The two languages may put their slots in different orders. A slot that is chosen afresh is spoken by its
first occurrence, and has to occur in both languages.

`Ways` is a choice between templates. Which one was chosen is read off its *head*, the text up to its
first fresh slot; the heads have to be prefix-free.

    "One day, |" + "{hero} ..."     head  " One day, Mia went to the "     decided within  "One"
    "{hero:He} ..."                 head  " She ran to the "               decided within  "She"
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from minillama.data.stories.words import LANGUAGES, Choice, Word, clashes

COREFERENCE = {"he", "him", "his", "hers", "himself", "ele", "dele", "nele", "lhe", "lo", "they"}
SKILLS = ("grammar", "choice", "copy", "coreference", "counting", "rule", "ending", "two-hop")

_TOKEN = re.compile(r"\{(\w+)(?::([^}!]*))?(?:!([\w-]+))?\}|\[([\w-]+):|\]")


class Part(NamedTuple):
    """A stretch of a template: literal text, or a slot (then `literal` is empty)."""

    literal: str
    skill: str
    slot: str = ""
    form: str = ""
    agree: str = ""  # the slot whose word's gender names the form


class Template:
    """One sentence, or a piece of one, in every language.

    Examples
    --------
    >>> template = Template("{hero} ran.", "{hero} correu.")
    >>> template.render("pt", {"hero": Word("Mia", {"": "Mia"}, {"": "Mia"})})
    ' Mia correu.'
    """

    def __init__(self, en: str, pt: str) -> None:
        self.parts = {"en": compile_parts(en), "pt": compile_parts(pt)}
        slots = {
            language: {part.slot for part in parts if part.slot} for language, parts in self.parts.items()
        }
        self.slots = frozenset(slots["en"] & slots["pt"])

    def render(self, language: str, words: Mapping[str, Word]) -> str:
        """Return the text with every slot filled; it begins with the space that parts it from the last."""
        out = []
        for literal, _, slot, form, agree in self.parts[language]:
            if slot:
                out.append(words[slot].forms[language][words[agree].gender if agree else form])
            else:
                out.append(literal)
        return "".join(out)

    def opening(self, language: str) -> str:
        """Return the text up to the first slot."""
        first = self.parts[language][0]
        return first.literal

    def head(self, language: str, words: Mapping[str, Word | Choice]) -> str:
        """Return the text up to the first slot that is still to be chosen."""
        out = []
        for literal, _, slot, form, agree in self.parts[language]:
            if slot:
                word = words[slot]
                if isinstance(word, Choice):
                    break
                other = words[agree].gender if agree else form  # type: ignore[union-attr]
                out.append(word.forms[language][other])
            else:
                out.append(literal)
        return "".join(out)


def compile_parts(source: str) -> tuple[Part, ...]:
    """Cut a template into its parts; a space goes in front unless it opens with punctuation."""
    parts: list[Part] = []
    skill, place = "", 0
    source = source if source[0] in ",.;:!?" else " " + source

    def literal(text: str) -> None:
        if text:
            parts.append(Part(text, skill or "grammar"))

    for match in _TOKEN.finditer(source):
        literal(source[place : match.start()])
        place = match.end()
        slot, form, own_skill, opened = match.groups()
        if slot:
            form, agree = ("", form[1:]) if form and form[0] == "@" else (form or "", "")
            parts.append(Part("", own_skill or skill_of(form), slot, form, agree))
        else:
            skill = opened or ""
    literal(source[place:])
    return tuple(parts)


def skill_of(form: str) -> str:
    """Return what it takes to say a bound word in this form."""
    if form.startswith("-"):
        return "grammar"
    return "coreference" if form.lower() in COREFERENCE else "copy"


@cache
def template(en: str, pt: str) -> Template:
    """Return the compiled template, made once."""
    return Template(en, pt)


class Way(NamedTuple):
    """One of several ways to go on."""

    key: str
    template: Template


class Ways:
    """A named choice between templates; each is (weight, key, en, pt).

    Examples
    --------
    >>> sky = Ways("sky", (3, "sun", "The sun shone.", "Fazia sol."), (1, "rain", "It rained.", "Chovia."))
    >>> sky.choice.p, sky.heads("en", {})
    ((0.75, 0.25), (' The sun shone.', ' It rained.'))
    """

    def __init__(self, name: str, *alternatives: tuple[float, str, str, str]) -> None:
        self.templates = tuple(template(en, pt) for _, _, en, pt in alternatives)
        # The options of the underlying choice are never spoken themselves: their templates are.
        self.choice = Choice(name, {Word(key, {}, {}): weight for weight, key, _, _ in alternatives})
        self.keys = tuple(key for _, key, _, _ in alternatives)
        literal = {language: tuple(t.opening(language) for t in self.templates) for language in LANGUAGES}
        self._fixed = {language: heads for language, heads in literal.items() if not clashes(heads)}

    def heads(self, language: str, words: Mapping[str, Word | Choice]) -> tuple[str, ...]:
        """Return what each way begins with, once it is asserted that this is prefix-free.

        Plain text up to the first slot is enough if it tells the ways apart; else bound words are put in.
        """
        heads = self._fixed.get(language)
        if heads is None:
            heads = tuple([template.head(language, words) for template in self.templates])
            assert not clashes(heads), f"{self.choice.name}, {language} is not prefix-free: {clashes(heads)}"
        return heads


def decided(heads: tuple[str, ...], i: int) -> tuple[int, int]:
    """Return the stretch of heads[i] in which it parts from the others, in whole words.

    It starts where the heads stop being all the same and ends with the word that settles the matter.
    """
    head = heads[i]
    start = min(common(head, other) for other in heads)
    end = 1 + max(common(head, other) for j, other in enumerate(heads) if j != i)
    while start > 0 and head[start - 1].isalnum():
        start -= 1
    while end < len(head) and head[end].isalnum():
        end += 1
    return (start, end)


def common(a: str, b: str) -> int:
    """Return the length of the longest common prefix."""
    n = 0
    for x, y in zip(a, b, strict=False):
        if x != y:
            break
        n += 1
    return n


_WAYS: dict[tuple[object, ...], Ways] = {}


def ways(name: str, alternatives: tuple[tuple[float, str, str, str], ...]) -> Ways:
    """Return the compiled ways, made once."""
    found = _WAYS.get((name, alternatives))
    if found is None:
        found = _WAYS[name, alternatives] = Ways(name, *alternatives)
    return found
