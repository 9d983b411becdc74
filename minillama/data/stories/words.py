"""Words with their spoken forms, and choices between them.

A `Word` knows every form in which a sentence may need it, in each language:

    cat  (female)    en  "": cat    a: a cat     the: the cat    he: she
                     pt  "": gata   um: uma gata  o: a gata      -o: a  (the ending of an adjective)

A `Choice` is a named distribution over words. It is *spoken at once*, so its forms have to be
prefix-free: no form begins with another one. Then at most one option can match what a text says next,
whatever follows, and reading a story back is never a guess. `Choice.spoken` asserts this, once per
language and form.

Left out: everything about sentences (`templates.py`) and all real words (`lexicon.py`).
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Iterable, Mapping
from itertools import accumulate, pairwise
from math import log
from typing import Any

LANGUAGES = ("en", "pt")


class Word:
    """One thing that can be named: its key and its spoken forms by language.

    Every form is there with a capital too, under the capitalised name of the form (`the`, `The`); the
    bare form `""` has its capital under `^`.

    Parameters
    ----------
    key : str
        What records and tests call it; unique within a choice.
    en, pt : mapping from form to text
        The spoken forms.
    gender : "m" or "f"
        Natural gender of a person, grammatical gender (in Portuguese) of a thing.
    traits
        Whatever a story wants to know about the word; they become attributes.

    Examples
    --------
    >>> owl = Word("owl", {"": "owl", "a": "an owl"}, {"": "coruja", "um": "uma coruja"}, gender="f")
    >>> owl.forms["en"]["A"], owl.forms["pt"]["um"]
    ('An owl', 'uma coruja')
    """

    def __init__(
        self, key: str, en: Mapping[str, str], pt: Mapping[str, str], gender: str = "m", **traits: Any
    ) -> None:
        self.key = key
        self.gender = gender
        self.forms = {"en": with_capitals(en), "pt": with_capitals(pt)}
        self.__dict__.update(traits)

    def __repr__(self) -> str:
        return f"<{self.key}>"

    def __getattr__(self, name: str) -> Any:  # only reached for a trait that was never set
        raise AttributeError(f"the word {self.__dict__.get('key')!r} has no trait {name!r}")


def with_capitals(forms: Mapping[str, str]) -> dict[str, str]:
    """Return the forms together with their capitalised twins."""
    twins = {(form[0].upper() + form[1:] if form else "^"): capital(text) for form, text in forms.items()}
    return {**twins, **forms}


def capital(text: str) -> str:
    """Return the text with its first letter as a capital."""
    return text[:1].upper() + text[1:]


def clashes(texts: Iterable[str]) -> list[tuple[str, str]]:
    """Return the pairs (shorter, longer) in which one text begins with another, or is equal to it.

    Sorting puts a text directly before some text that it begins, so neighbours are enough.

    Examples
    --------
    >>> clashes(["an owl", "a fox", "a foxglove"])
    [('a fox', 'a foxglove')]
    """
    return [(a, b) for a, b in pairwise(sorted(texts)) if b.startswith(a)]


class Choice:
    """A named distribution over words.

    Parameters
    ----------
    name : str
        What the choice is called in a derivation.
    options : mapping from Word to weight
        Weights are positive and need not sum to one.

    Examples
    --------
    >>> sun, rain = Word("sun", {"": "sun"}, {"": "sol"}), Word("rain", {"": "rain"}, {"": "chuva"})
    >>> sky = Choice("sky", {sun: 3, rain: 1})
    >>> sky.p, sky.draw(0.7), sky.draw(0.8)
    ((0.75, 0.25), 0, 1)
    """

    def __init__(self, name: str, options: Mapping[Word, float]) -> None:
        total = sum(options.values())
        assert options, f"{name}: a choice needs at least one option"
        assert min(options.values()) > 0, f"{name}: weights are positive"
        self.name = name
        self.words = tuple(options)
        self.p = tuple(weight / total for weight in options.values())
        self.nats = tuple(-log(p) if p < 1 else 0.0 for p in self.p)
        self.index = {word.key: i for i, word in enumerate(self.words)}
        assert len(self.index) == len(self.words), f"{name}: two options share a key"
        self._bounds = list(accumulate(self.p))[:-1]
        self._spoken: dict[tuple[str, str], list[str]] = {}
        self._parts: dict[object, Choice] = {}
        self._whole = self

    def __repr__(self) -> str:
        odds = ", ".join(f"{word.key} {p:.3g}" for word, p in zip(self.words, self.p, strict=True))
        return f"Choice({self.name}: {odds})"

    def draw(self, u: float) -> int:
        """Return the index of the option on which `u`, uniform in [0, 1), falls."""
        return bisect(self._bounds, u)

    def without(self, *words: Word) -> Choice:
        """Return the same choice conditioned on being none of these words (by key), with the odds kept."""
        keys = frozenset([word.key for word in words])
        part = self._parts.get(keys)
        if part is None:
            part = self._parts[keys] = self._where(lambda word: word.key not in keys)
        return part

    def having(self, trait: str, value: object) -> Choice:
        """Return the same choice conditioned on a trait of the word, with the odds kept."""
        part = self._parts.get((trait, value))
        if part is None:
            part = self._parts[trait, value] = self._where(lambda word: getattr(word, trait) == value)
        return part

    def _where(self, keep: Callable[[Word], bool]) -> Choice:
        part = Choice(self.name, {w: p for w, p in zip(self.words, self.p, strict=True) if keep(w)})
        part._whole = self._whole
        return part

    def spoken(self, language: str, form: str) -> list[str]:
        """Return the options in this form, once it is asserted that they are prefix-free.

        A part of a prefix-free set is prefix-free, so it is the whole that is looked at.
        """
        texts = self._spoken.get((language, form))
        if texts is None:
            texts = [word.forms[language][form] for word in self.words]
            if self._whole is not self:
                self._whole.spoken(language, form)
            else:
                found = clashes(texts)
                assert not found, f"{self.name}, {language} {form!r} is not prefix-free: {found}"
            self._spoken[language, form] = texts
        return texts
