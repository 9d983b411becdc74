# ruff: noqa: E501 (a sentence stays on one line)
"""Something breaks: to own up or to fib. What sticks to the paws tells it anyway (two hops)."""

from __future__ import annotations

from minillama.data.stories.cast import Scene
from minillama.data.stories.lexicon import amount, amounts, nouns
from minillama.data.stories.narrators import Narrator
from minillama.data.stories.things import FRAGILE, PIECE, QUALITIES
from minillama.data.stories.words import Choice, Word

HOOK = (8, "truth", "Crash! Something fell to the floor.", "Crás! Alguma coisa caiu no chão.")


def _doing(key: str, en: tuple[str, str], pt: tuple[str, str]) -> Word:
    return Word(key, {"": en[0], "stuff": en[1]}, {"": pt[0], "stuff": pt[1]})


DOINGS = Choice(
    "doing",
    {
        _doing("bake", ("baking bread", "flour"), ("fazendo pão", "farinha")): 4,
        _doing("paint", ("painting a fence", "paint"), ("pintando uma cerca", "tinta")): 4,
        _doing("dig", ("digging in the garden", "mud"), ("cavando no jardim", "lama")): 3,
        _doing("jam", ("making jam", "jam"), ("fazendo geleia", "geleia")): 2,
        _doing("chimney", ("sweeping the chimney", "soot"), ("limpando a chaminé", "fuligem")): 2,
        _doing("honey", ("looking for honey", "honey"), ("procurando mel", "mel")): 1,
    },
)
CULPRITS = nouns(
    "culprit",
    (4, "ghost", "fantasma", "m"),
    (4, "goose", "gansa", "f", "geese"),
    (3, "dragon", "dragão", "m"),
    (2, "giant", "gigante", "m"),
    (1, "pirate", "pirata", "m"),
)


def tell(t: Narrator, s: Scene) -> str:
    """Break it, answer for it, glue it."""
    a, b = s.a, s.b
    doing = t.say(
        "{a} had been {doing} all morning and came running through the house.",
        "{a} tinha passado a manhã {doing} e entrou correndo em casa.",
        a=a,
        doing=DOINGS,
    )
    _, broken, n = t.say(
        "Now {b}'s {quality} {broken} lay there in {n}.",
        "Agora {broken:o} {quality:@broken} de {b} estava ali, em {n}.",
        b=b,
        quality=QUALITIES,
        broken=FRAGILE,
        n=amounts("pieces", 3, 12, PIECE),
    )
    t.say('"Who did this?" asked {b}.', '"Quem fez isso?", perguntou {b}.', b=b)
    t.note(thing=broken.key)
    t.ask(
        "copy",
        ("How many pieces were there?", "Quantos pedaços havia?"),
        ("{n:n}", "{n:n}"),
        n=n,
    )
    answer, culprit = t.ways(
        "answer",
        (3, "truth", '"I did," said {a} in a small voice.', '"Fui eu", disse {a} baixinho.'),
        (3, "fib", '"It was {culprit:a}!" said {a} quickly.', '"Foi {culprit:um}!", disse {a} depressa.'),
        a=a,
        culprit=CULPRITS,
    )
    if answer == "truth":
        t.note(kindness=1)
        t.say('"Thank you for telling me," said {b}.', '"Que bom que você me contou", disse {b}.', b=b)
        return glue(t, s, broken, n)
    t.say(
        "But {b} looked down and saw [two-hop:prints of] {doing:stuff!two-hop} [two-hop:all over the floor.]",
        "Mas {b} olhou para baixo e viu [two-hop:marcas de] {doing:stuff!two-hop} [two-hop:por todo o chão.]",
        b=b,
        doing=doing,
    )
    t.ask(
        "two-hop",
        ("What were the prints on the floor made of?", "De que eram as marcas no chão?"),
        ("{doing:stuff}", "{doing:stuff}"),
        doing=doing,
    )
    t.say(
        '"{culprit:A} with {doing:stuff!copy} on its feet?" {b:he} asked.',
        '"{culprit:Um} com {doing:stuff!copy} nos pés?", perguntou.',
        culprit=culprit,
        doing=doing,
        b=b,
    )
    turn = t.ways(
        "turn",
        (3, "sorry", "{a} blushed. \"I am sorry.\"", "{a} ficou sem graça. \"Desculpe.\""),
        (2, "ran", "{a} turned round and ran away.", "{a} deu meia-volta e fugiu."),
        a=a,
    )  # fmt: skip
    if turn == "sorry":
        t.note(kindness=0)
        return glue(t, s, broken, n)
    t.note(kindness=-1)
    t.say(
        "{b} [ending:picked up the] {n!copy} [ending:alone.]",
        "{b} [ending:juntou os] {n!copy} [ending:sem ajuda de ninguém.]",
        b=b,
        n=n,
    )
    return "sad"


def glue(t: Narrator, s: Scene, broken: Word, n: Word) -> str:
    """Mend it together; now and then a piece stays away."""
    lost = t.ways(
        "glue",
        (
            3,
            "whole",
            "[ending:Together they glued the] {n!copy}[ending:, and soon] {broken:the} [ending:stood on its shelf again.]",
            "[ending:Colaram com calma os] {n!copy}[ending:, e logo] {broken:o} [ending:voltou para a estante.]",
        ),
        (
            2,
            "gap",
            "[ending:They looked everywhere and found only] {found!counting}[ending:: one was gone for good.]",
            "[ending:Procuraram por toda parte e só acharam] {found!counting}[ending:: faltou um para sempre.]",
        ),
        n=n,
        broken=broken,
        found=amount(n.value - 1, PIECE),
    )
    if lost == "gap":
        t.say(
            '[ending:"It is through the hole that the light comes in," said] {b}.',
            '[ending:"É pelo buraco que a luz entra", disse] {b}.',
            b=s.b,
        )
    return "happy"
