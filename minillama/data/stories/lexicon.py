"""The words of the story world in two languages, made by a few rules and a few exceptions.

The helpers below turn a dictionary entry into a `Word` with all its forms. The forms that templates use:

    English     ""  bare      a  "an owl"     the  "the owl"     he him his himself
    Portuguese  ""  bare      um "uma coruja"   o  "a coruja"    do no ao pelo  (de, em, a, por + article)
                -o  o/a and  -  ""/a  endings that agree         ele dele nele lhe lo
    both        m, f  the form that agrees with another word's gender: `{colour:@toy}`
"""

from __future__ import annotations

from typing import Any

from minillama.data.stories.words import Word

EN_PRONOUNS = {
    "m": {"he": "he", "him": "him", "his": "his", "himself": "himself", "boy": "boy"},
    "f": {"he": "she", "him": "her", "his": "her", "himself": "herself", "boy": "girl"},
}
PT_PRONOUNS = {
    "m": {"ele": "ele", "dele": "dele", "nele": "nele", "lo": "lo", "-o": "o", "-": ""},
    "f": {"ele": "ela", "dele": "dela", "nele": "nela", "lo": "la", "-o": "a", "-": "a"},
}
PT_ARTICLES = {
    "m": {
        "um": "um",
        "o": "o",
        "do": "do",
        "no": "no",
        "ao": "ao",
        "pelo": "pelo",
        "num": "num",
        "seu": "seu",
    },
    "f": {
        "um": "uma",
        "o": "a",
        "do": "da",
        "no": "na",
        "ao": "à",
        "pelo": "pela",
        "num": "numa",
        "seu": "sua",
    },
}


def a(noun: str) -> str:
    """Put the indefinite article before an English noun.

    Examples
    --------
    >>> a("owl"), a("cat")
    ('an owl', 'a cat')
    """
    return ("an " if noun[0] in "aeiou" else "a ") + noun


def noun(key: str, pt: str, gender: str, en: str = "", **traits: Any) -> Word:
    """Return a countable thing.

    Examples
    --------
    >>> owl = noun("owl", "coruja", "f")
    >>> owl.forms["en"]["a"], owl.forms["pt"]["ao"]
    ('an owl', 'à coruja')
    """
    en = en or key
    return Word(
        key,
        {"": en, "a": a(en), "the": f"the {en}"},
        {
            "": pt,
            **{form: f"{word} {pt}" for form, word in PT_ARTICLES[gender].items()},
            **PT_PRONOUNS[gender],
        },
        gender,
        **traits,
    )


def name(text: str, gender: str) -> Word:
    """Return a name, which brings the pronouns with it."""
    return Word(text, {"": text, **EN_PRONOUNS[gender]}, {"": text, **PT_PRONOUNS[gender]}, gender)


def adjective(key: str, pt_m: str, pt_f: str = "", **traits: Any) -> Word:
    """Return an adjective; in Portuguese the feminine turns a final o into a if not given."""
    pt_f = pt_f or (pt_m[:-1] + "a" if pt_m.endswith("o") else pt_m)
    return Word(key, {"": key, "m": key, "f": key, "a": a(key)}, {"m": pt_m, "f": pt_f}, **traits)


def phrase(key: str, en: str, pt: str, **traits: Any) -> Word:
    """Return a fixed phrase, such as "under the bed"."""
    return Word(key, {"": en}, {"": pt}, **traits)
