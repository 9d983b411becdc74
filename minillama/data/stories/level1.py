"""Level 1: somebody small loses something dear.

One character, some 45 words, some 11 nats: small enough to be learnt to its floor in a minute, and still a
story. Over a distance it remembers a name and a pronoun, a kind of animal, a thing with its colour, the
weather (which is to blame if the thing is gone) and how brave the hero is (which decides how it ends).
"""

from __future__ import annotations

from minillama.data.stories import cast
from minillama.data.stories.lexicon import adjective, name, noun, phrase
from minillama.data.stories.narrators import Narrator
from minillama.data.stories.words import Choice, Word

NAMES = Choice(
    "name",
    {name("Mia", "f"): 5, name("Ana", "f"): 4, name("Lily", "f"): 3, name("Rosa", "f"): 2}
    | {name("Tom", "m"): 5, name("Leo", "m"): 4, name("Max", "m"): 3, name("Otto", "m"): 2},
)

TRAITS = Choice("trait", {adjective("brave", "valente"): 3, adjective("shy", "tímido"): 2})


def _animals(gender: str, *entries: tuple[int, str, str]) -> Choice:
    return Choice("kind", {noun(en, pt, gender): weight for weight, en, pt in entries})


KINDS = {
    "m": _animals(
        "m",
        (5, "cat", "gatinho"),
        (4, "rabbit", "coelhinho"),
        (3, "bear", "ursinho"),
        (3, "mouse", "ratinho"),
        (2, "duck", "patinho"),
        (1, "pig", "porquinho"),
    ),
    "f": _animals(
        "f",
        (5, "cat", "gatinha"),
        (4, "rabbit", "coelhinha"),
        (3, "bear", "ursinha"),
        (3, "mouse", "ratinha"),
        (2, "duck", "patinha"),
        (1, "pig", "porquinha"),
    ),
}


def _sky(key: str, en: str, pt: str, took: tuple[str, str]) -> Word:
    return Word(key, {"": en, "took": took[0]}, {"": pt, "took": took[1]})


SKIES = Choice(
    "sky",
    {
        _sky(
            "wind",
            "One windy morning",
            "Numa manhã de vento",
            ("the wind had carried it away", "o vento tinha levado"),
        ): 5,
        _sky(
            "rain",
            "One rainy morning",
            "Numa manhã de chuva",
            ("the rain had washed it away", "a chuva tinha levado"),
        ): 3,
        _sky(
            "snow",
            "One snowy morning",
            "Numa manhã de neve",
            ("the snow had covered it", "a neve tinha coberto"),
        ): 2,
    },
)

COLOURS = Choice(
    "colour",
    {
        adjective("red", "vermelho"): 4,
        adjective("blue", "azul"): 3,
        adjective("green", "verde"): 2,
        adjective("yellow", "amarelo"): 1,
    },
)
TOYS = Choice(
    "toy",
    {
        noun("ball", "bola", "f"): 4,
        noun("kite", "pipa", "f"): 3,
        noun("hat", "chapéu", "m"): 2,
        noun("drum", "tambor", "m"): 2,
        noun("boat", "barco", "m"): 1,
    },
)

NEAR = Choice(
    "near",
    {
        phrase("bed", "under the bed", "debaixo da cama"): 4,
        phrase("door", "behind the door", "atrás da porta"): 3,
        phrase("box", "in the box", "dentro da caixa"): 2,
        phrase("chair", "on the chair", "em cima da cadeira"): 1,
    },
)


def _far(key: str, en: str, pt: str, alone: tuple[str, str], helper: Word) -> Word:
    return Word(key, {"": en, "alone": alone[0]}, {"": pt, "alone": alone[1]}, helper=helper)


FAR = Choice(
    "far",
    {
        _far(
            "tree",
            "up in the tree",
            "no alto da árvore",
            ("climbed up", "subiu"),
            noun("bird", "pássaro", "m"),
        ): 3,
        _far(
            "pond",
            "in the pond",
            "no meio do lago",
            ("jumped in", "pulou na água"),
            noun("frog", "sapo", "m"),
        ): 2,
        _far(
            "cave",
            "in the dark cave",
            "na caverna escura",
            ("walked in", "entrou"),
            noun("bat", "morcego", "m"),
        ): 1,
    },
)

JOYS = Choice(
    "joy",
    {
        phrase("danced", "danced", "dançava"): 3,
        phrase("sang", "sang a song", "cantava"): 2,
        phrase("slept", "fell asleep", "dormia"): 1,
    },
)


def tell(t: Narrator) -> None:
    """Tell a story of level 1."""
    who = t.say("Once there was {who},", "Era uma vez {who},", who=NAMES)
    trait, kind = t.say(
        "a {trait} little {kind}.", "{kind:um} {trait:@kind}.", trait=TRAITS, kind=KINDS[who.gender]
    )
    sky, colour, toy = t.say(
        "{sky} {who:he} lost {who:his} {colour} {toy}.",
        "{sky}, {who:ele} perdeu {toy:seu} {colour:@toy}.",
        who=who,
        sky=SKIES,
        colour=COLOURS,
        toy=TOYS,
    )
    near = t.say("{who:He} looked {near}. Nothing!", "Procurou {near}. Nada!", who=who, near=NEAR)
    far = t.say("{who:He} looked {far}.", "Procurou {far}.", who=who, far=FAR)
    found = t.ways(
        "found", (7, "yes", "There it was!", "Lá estava {toy:ele}!"), (3, "no", "Nothing!", "Nada!"), toy=toy
    )
    brave = trait.key == "brave"
    if found == "no":
        t.say("{sky:Took!rule}.", "{sky:Took!rule} {toy:o}.", sky=sky, toy=toy)
    t.say("{who} was {trait}, so {who:he}", "{who} era {trait:@who}, então", who=who, trait=trait)
    if found == "no" and brave:
        t.say("[rule:did not cry.]", "[rule:não chorou.]")
    elif found == "no":
        t.say("[rule:cried a little.]", "[rule:chorou um pouco.]")
    elif brave:
        t.say("{far:alone!rule}.", "{far:alone!rule}.", far=far)
    else:
        t.say(
            "[rule:asked] {by:a!rule} [rule:for help.]", "[rule:pediu ajuda a] {by:um!rule}.", by=far.helper
        )
    settle_facts(t, cast.person(who, kind), trait, toy, near, far, found)
    bound = {"who": who, "kind": kind, "colour": colour, "toy": toy}
    if found == "no":
        t.say(
            "[ending:That night the little] {kind} [ending:dreamed of] {who:his} {colour} {toy}.",
            "[ending:Naquela noite] {kind:o} [ending:sonhou com] {toy:seu} {colour:@toy}.",
            **bound,
        )
    else:
        t.say(
            "[ending:Soon the little] {kind} {joy} [ending:with] {who:his} {colour} {toy}.",
            "[ending:Logo] {kind:o} {joy} [ending:com] {toy:seu} {colour:@toy}.",
            joy=JOYS,
            **bound,
        )


def settle_facts(t: Narrator, who: Word, trait: Word, toy: Word, near: Word, far: Word, found: str) -> None:
    """Note what the story is about, and ask what it has settled."""
    mood = "happy" if found == "yes" else "sad"
    helped = found == "yes" and trait.key == "shy"
    t.note(hero=who, hero_kind=who.kind, thing=toy, story="lost", mood=mood, kindness=int(helped))
    t.ask("copy", ("What animal is {who}?", "Que bicho é {who}?"), ("{who:a}", "{who:um}"), who=who)
    t.ask("copy", ("What did {who} lose?", "O que {who} perdeu?"), ("{toy:a}", "{toy:um}"), who=who, toy=toy)
    first = ("Where did {who} look first?", "Onde {who} procurou primeiro?")
    t.ask("copy", first, ("{near}", "{near}"), who=who, near=near)
    if found == "yes":
        t.ask("rule", ("Where was {toy:the}?", "Onde estava {toy:o}?"), ("{far}", "{far}"), toy=toy, far=far)
    if helped:
        t.ask(
            "rule", ("Who helped {who}?", "Quem ajudou {who}?"), ("{by:a}", "{by:um}"), who=who, by=far.helper
        )
    answer = ("yes", "sim") if found == "yes" else ("no", "não")
    t.ask("ending", ("Was {toy:the} found?", "{who} achou {toy:o}?"), answer, who=who, toy=toy)
