"""Who lives in the story world: names, kinds of animal and what they can do, the friends of a scene."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from minillama.data.stories.lexicon import adjectives, choice_of, name, noun, nouns
from minillama.data.stories.words import Choice, Word

GIRLS = (
    "Mia Ana Lily Clara Nina Rosa Stella Emma Dora Flora Vera Lucy Greta Ida Penny Wanda Zoe Bella Olga Julia"
)
BOYS = (
    "Tom Leo Max Otto Ben Hugo Felix Oscar Bruno Theo Milo Rufus Simon Victor Gus Jonas Pedro Walter Ned Kai"
)

NAMES = choice_of(
    "name",
    [
        name(text, gender)
        for pair in zip(GIRLS.split(), BOYS.split(), strict=True)
        for text, gender in zip(pair, "fm", strict=True)
    ],
)


def _gift(key: str, en: tuple[str, str], pt: tuple[str, str]) -> Word:
    return Word(key, {"can": en[0], "did": en[1]}, {"can": pt[0], "did": pt[1]})


CLIMB = _gift("climb", ("climb", "climbed up"), ("escalar", "subiu"))
FLY = _gift("fly", ("fly", "flew up"), ("voar", "voou até lá"))
SWIM = _gift("swim", ("swim", "dived in"), ("nadar", "mergulhou"))
DIG = _gift("dig", ("dig", "dug and dug"), ("cavar", "cavou sem parar"))


def _kinds(*rows: tuple[Any, ...]) -> Choice:
    return Choice(
        "kind", {noun(en, pt, gender, *plurals, gift=gift): w for w, gift, en, pt, gender, *plurals in rows}
    )


KINDS = {
    "f": _kinds(
        (9, CLIMB, "cat", "gata", "f"),
        (8, DIG, "fox", "raposa", "f"),
        (7, DIG, "rabbit", "coelha", "f"),
        (6, DIG, "mouse", "rata", "f", "mice"),
        (6, FLY, "owl", "coruja", "f"),
        (5, SWIM, "duck", "pata", "f"),
        (5, CLIMB, "bear", "ursa", "f"),
        (4, SWIM, "turtle", "tartaruga", "f"),
        (4, SWIM, "otter", "lontra", "f"),
        (3, CLIMB, "goat", "cabra", "f"),
        (3, FLY, "swallow", "andorinha", "f"),
        (2, CLIMB, "monkey", "macaca", "f"),
        (2, DIG, "wolf", "loba", "f", "wolves"),
        (2, FLY, "bee", "abelha", "f"),
    ),
    "m": _kinds(
        (9, CLIMB, "cat", "gato", "m"),
        (8, DIG, "dog", "cachorro", "m"),
        (7, DIG, "rabbit", "coelho", "m"),
        (6, DIG, "mouse", "rato", "m", "mice"),
        (6, CLIMB, "squirrel", "esquilo", "m"),
        (5, SWIM, "duck", "pato", "m"),
        (5, CLIMB, "bear", "urso", "m"),
        (4, SWIM, "beaver", "castor", "m"),
        (4, DIG, "badger", "texugo", "m"),
        (3, FLY, "crow", "corvo", "m"),
        (3, SWIM, "toad", "sapo", "m"),
        (2, CLIMB, "monkey", "macaco", "m"),
        (2, DIG, "wolf", "lobo", "m", "wolves"),
        (2, FLY, "sparrow", "pardal", "m"),
    ),
}

SMALL = Choice(
    "small animal",
    {
        noun("ant", "formiga", "f", gift=DIG): 5,
        noun("butterfly", "borboleta", "f", gift=FLY): 4,
        noun("mole", "toupeira", "f", gift=DIG): 4,
        noun("ladybird", "joaninha", "f", gift=FLY): 3,
        noun("goldfinch", "pintassilgo", "m", gift=FLY): 3,
        noun("tadpole", "girino", "m", gift=SWIM): 2,
        noun("duckling", "patinho", "m", gift=SWIM): 2,
        noun("lizard", "lagarto", "m", gift=CLIMB): 2,
    },
)

HELPERS = Choice(
    "helper",
    {
        noun("magpie", "pega", "f", gift=FLY): 4,
        noun("marten", "marta", "f", gift=CLIMB): 2,
        noun("raccoon", "guaxinim", "m", gift=CLIMB): 3,
        noun("heron", "garça", "f", gift=FLY): 2,
        noun("seal", "foca", "f", gift=SWIM): 3,
        noun("salmon", "salmão", "m", gift=SWIM): 2,
        noun("swan", "cisne", "m", gift=SWIM): 2,
        noun("mole", "toupeira", "f", gift=DIG): 3,
        noun("hedgehog", "ouriço", "m", gift=DIG): 2,
    },
)

HELPERS_FOR = {
    gifts: Choice("helper", {w: p for w, p in zip(HELPERS.words, HELPERS.p, strict=True) if w.gift in gifts})
    for gifts in ((CLIMB, FLY), (SWIM,), (DIG,))
}

PEOPLE = nouns(
    "person",
    (5, "miller", "moleiro", "m"),
    (5, "sailor", "marinheiro", "m"),
    (4, "shepherd", "pastor", "m"),
    (4, "queen", "rainha", "f"),
    (3, "witch", "bruxa", "f"),
    (3, "gardener", "jardineira", "f"),
    (3, "tailor", "alfaiate", "m"),
    (2, "painter", "pintora", "f"),
    (2, "postman", "carteiro", "m", "postmen"),
    (2, "fisherman", "pescador", "m", "fishermen"),
    (1, "wizard", "mago", "m"),
    (1, "teacher", "professora", "f"),
)

LOOKS = adjectives(
    "look",
    (6, "little", "pequeno"),
    (5, "fluffy", "fofo"),
    (4, "plump", "gorducho"),
    (4, "cheerful", "alegre"),
    (3, "grey", "cinzento"),
    (3, "spotted", "malhado"),
    (2, "skinny", "magro"),
    (2, "young", "jovem"),
    (1, "clumsy", "desajeitado"),
    (1, "sleepy", "sonolento"),
)


def _they(key: str, pt: dict[str, str]) -> Word:
    return Word(key, {"they": "they", "them": "them"}, pt, key)


THEY = {
    "m": _they(
        "m", {"eles": "eles", "-os": "os", "os": "os dois", "nenhum": "nenhum dos dois", "cada": "cada um"}
    ),
    "f": _they(
        "f", {"eles": "elas", "-os": "as", "os": "as duas", "nenhum": "nenhuma das duas", "cada": "cada uma"}
    ),
}


@cache
def person(called: Word, kind: Word) -> Word:
    """Return somebody with a name and a kind, and the forms of both."""
    en = {**called.forms["en"], **{form: kind.forms["en"][form] for form in ("the", "a")}}
    pt = {**called.forms["pt"], **{form: kind.forms["pt"][form] for form in ("o", "um", "do", "ao")}}
    en["kinds"], pt["kinds"] = kind.forms["en"]["s"], kind.forms["pt"]["s"]
    return Word(called.key, en, pt, called.gender, kind=kind, gift=getattr(kind, "gift", None))


class Scene(NamedTuple):
    """What a story starts from: two friends, where they live, and what the first of them wears."""

    a: Word
    b: Word
    they: Word
    home: Word
    colour: Word
    wear: Word

    def third(self) -> Choice:
        """Return the names that are left."""
        return NAMES.without(self.a, self.b)

    def kinds(self, gender: str) -> Choice:
        """Return the kinds that are left."""
        return KINDS[gender].without(self.a.kind, self.b.kind)
