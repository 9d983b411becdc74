"""How a dictionary entry becomes a `Word` with all its forms, in two languages.

The forms that templates use:

    English     ""  bare   a  "an owl"   the  "the owl"   s  "owls"   he him his himself
    Portuguese  ""  bare   um "uma coruja"  o "a coruja"  do no ao pelo (de, em, a, por + article)
                seu meu  "sua coruja"    s  "corujas"     os dos "as corujas", "das corujas"
                -o  o/a and  -  ""/a  and  -os  os/as: endings that agree    ele dele nele
    both        m, f  the form that agrees with another word's gender: `{colour:@toy}`

Left out: the words themselves, which are in `cast.py` and `things.py` (and level 1 has its own few).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from minillama.data.stories.words import Choice, Word

EN_PRONOUNS = {
    "m": {"he": "he", "him": "him", "his": "his", "himself": "himself"},
    "f": {"he": "she", "him": "her", "his": "her", "himself": "herself"},
}
PT_PRONOUNS = {
    "m": {"ele": "ele", "dele": "dele", "nele": "nele", "-o": "o", "-": "", "-os": "os"},
    "f": {"ele": "ela", "dele": "dela", "nele": "nela", "-o": "a", "-": "a", "-os": "as"},
}
PT_ARTICLES = {
    "m": {
        "um": "um",
        "o": "o",
        "do": "do",
        "no": "no",
        "ao": "ao",
        "pelo": "pelo",
        "seu": "seu",
        "meu": "meu",
    },
    "f": {
        "um": "uma",
        "o": "a",
        "do": "da",
        "no": "na",
        "ao": "à",
        "pelo": "pela",
        "seu": "sua",
        "meu": "minha",
    },
}
EN_NUMBERS = (
    "no one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
)
EN_NUMBERS += " seventeen eighteen nineteen twenty"
PT_NUMBERS = (
    "nenhum um dois três quatro cinco seis sete oito nove dez onze doze treze quatorze quinze dezesseis"
)
PT_NUMBERS += " dezessete dezoito dezenove vinte"


def a(noun: str) -> str:
    """Put the indefinite article before an English noun.

    Examples
    --------
    >>> a("owl"), a("cat")
    ('an owl', 'a cat')
    """
    return ("an " if noun[0] in "aeiou" else "a ") + noun


def plural_en(noun: str) -> str:
    """Return the regular English plural.

    Examples
    --------
    >>> [plural_en(noun) for noun in ("fig", "cherry", "fox", "bee")]
    ['figs', 'cherries', 'foxes', 'bees']
    """
    if noun[-1] == "y" and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith(("s", "x", "ch", "sh")) else "s")


def plural_pt(noun: str) -> str:
    """Return the regular Portuguese plural of a single word.

    Examples
    --------
    >>> [plural_pt(noun) for noun in ("gata", "limão", "pardal", "flor", "jardim")]
    ['gatas', 'limões', 'pardais', 'flores', 'jardins']
    """
    if noun.endswith("ão"):
        return noun[:-2] + "ões"
    if noun[-1] == "l":
        return noun[:-1] + "is"
    if noun[-1] == "m":
        return noun[:-1] + "ns"
    return noun + ("es" if noun[-1] in "rz" else "s")


def noun(key: str, pt: str, gender: str, en_s: str = "", pt_s: str = "", **traits: Any) -> Word:
    """Return a countable thing; plurals are regular if not given.

    Examples
    --------
    >>> owl = noun("owl", "coruja", "f")
    >>> owl.forms["en"]["a"], owl.forms["pt"]["ao"], owl.forms["pt"]["os"]
    ('an owl', 'à coruja', 'as corujas')
    """
    pt_s = pt_s or plural_pt(pt)
    the = PT_PRONOUNS[gender]["-os"]
    return Word(
        key,
        {"": key, "a": a(key), "the": f"the {key}", "s": en_s or plural_en(key)},
        {
            "": pt,
            "s": pt_s,
            "os": f"{the} {pt_s}",
            "dos": f"d{the} {pt_s}",
            **{form: f"{word} {pt}" for form, word in PT_ARTICLES[gender].items()},
            **PT_PRONOUNS[gender],
        },
        gender,
        **traits,
    )


def nouns(choice: str, *rows: tuple[Any, ...]) -> Choice:
    """Return a choice of nouns from rows (weight, en, pt, gender[, en plural, pt plural])."""
    return Choice(choice, {noun(*row): weight for weight, *row in rows})


def name(text: str, gender: str) -> Word:
    """Return a name, which brings the pronouns with it."""
    return Word(text, {"": text, **EN_PRONOUNS[gender]}, {"": text, **PT_PRONOUNS[gender]}, gender)


def adjective(key: str, pt_m: str, pt_f: str = "", **traits: Any) -> Word:
    """Return an adjective; in Portuguese the feminine turns a final o into a if it is not given.

    Examples
    --------
    >>> shy = adjective("shy", "tímido")
    >>> shy.forms["en"]["a"], shy.forms["pt"]["f"]
    ('a shy', 'tímida')
    """
    pt_f = pt_f or (pt_m[:-1] + "a" if pt_m.endswith("o") else pt_m)
    return Word(key, {"": key, "m": key, "f": key, "a": a(key)}, {"m": pt_m, "f": pt_f}, **traits)


def adjectives(choice: str, *rows: tuple[Any, ...]) -> Choice:
    """Return a choice of adjectives from rows (weight, en, pt masculine[, pt feminine])."""
    return Choice(choice, {adjective(*row): weight for weight, *row in rows})


def phrase(key: str, en: str, pt: str, **traits: Any) -> Word:
    """Return a fixed phrase, such as "under the bed"."""
    return Word(key, {"": en}, {"": pt}, **traits)


def phrases(choice: str, *rows: tuple[Any, ...]) -> Choice:
    """Return a choice of phrases from rows (weight, key, en, pt)."""
    return Choice(choice, {phrase(*row): weight for weight, *row in rows})


@cache
def amount(n: int, thing: Word) -> Word:
    """Return so many of a thing: in full, and under `n` the number alone; from 0 to 20.

    Examples
    --------
    >>> plum = noun("plum", "ameixa", "f")
    >>> amount(2, plum).forms["pt"], amount(1, plum).forms["en"]["N"]
    ({'^': 'Duas ameixas', 'N': 'Duas', '': 'duas ameixas', 'n': 'duas'}, 'One')
    """
    assert 0 <= n <= 20, f"amounts go from 0 to 20, not {n}"
    en, pt = EN_NUMBERS.split()[n], PT_NUMBERS.split()[n]
    if thing.gender == "f":
        pt = {0: "nenhuma", 1: "uma", 2: "duas"}.get(n, pt)
    en_thing, pt_thing = thing.forms["en"]["" if n == 1 else "s"], thing.forms["pt"]["" if n < 2 else "s"]
    en_n = "none" if n == 0 else en
    return Word(str(n), {"": f"{en} {en_thing}", "n": en_n}, {"": f"{pt} {pt_thing}", "n": pt}, value=n)


@cache
def amounts(choice: str, low: int, high: int, thing: Word) -> Choice:
    """Return a choice of amounts in which smaller numbers are likelier."""
    return Choice(choice, {amount(n, thing): 1 / (n + 2) for n in range(low, high + 1)})


def choice_of(choice: str, words: Sequence[Word]) -> Choice:
    """Return a choice in which every word is a little less likely than the one before it."""
    return Choice(choice, {word: 1 / (rank + 4) for rank, word in enumerate(words)})
