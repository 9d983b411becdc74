# ruff: noqa: E501 (a sentence stays on one line)
"""Something is lost in a place that not everybody can reach: who is what decides who fetches it.

A rule with an exception: an animal does what its kind can, unless it is afraid of it.
"""

from __future__ import annotations

from minillama.data.stories.cast import CLIMB, DIG, FLY, HELPERS_FOR, SWIM, Scene
from minillama.data.stories.narrators import Narrator
from minillama.data.stories.things import LOSABLE, QUALITIES
from minillama.data.stories.words import Choice, Word

HOOK = (10, "lost", "One morning, something was missing.", "Certa manhã, faltava alguma coisa.")


def _need(key: str, gifts: tuple[Word, ...], en: tuple[str, str], pt: tuple[str, str]) -> Word:
    """Return what a place asks for: who cannot do it, and how the thing looks afterwards."""
    return Word(key, {"": en[0], "after": en[1]}, {"": pt[0], "after": pt[1]}, gifts=gifts)


UP = _need(
    "up", (CLIMB, FLY), ("climb or fly", "full of leaves"), ("escalar nem voar", "com folhas por cima")
)
WATER = _need("water", (SWIM,), ("swim", "dripping wet"), ("nadar", "pingando água"))
UNDER = _need("under", (DIG,), ("dig", "brown with mud"), ("cavar", "com lama por todos os lados"))


def _spot(key: str, need: Word, en: str, pt: str) -> Word:
    return Word(key, {"": en}, {"": pt}, need=need)


SPOTS = Choice(
    "spot",
    {
        _spot("oak", UP, "at the top of the old oak", "no alto do velho carvalho"): 5,
        _spot("roof", UP, "on the roof of the barn", "no telhado do celeiro"): 4,
        _spot("tower", UP, "high on the church tower", "na torre da igreja"): 2,
        _spot("pond", WATER, "at the bottom of the pond", "no fundo da lagoa"): 5,
        _spot("lake", WATER, "in the middle of the lake", "no meio do lago"): 3,
        _spot("well", WATER, "down in the well", "dentro do poço"): 2,
        _spot("roots", UNDER, "deep under the roots of a beech", "debaixo das raízes de uma faia"): 4,
        _spot("earth", UNDER, "beneath a heap of earth", "debaixo de um monte de terra"): 4,
        _spot("sand", UNDER, "under the sand of the beach", "debaixo da areia da praia"): 1,
    },
)


def _fear(key: str, en: str, pt: str, *gifts: Word) -> Word:
    return Word(key, {"": en}, {"": pt}, gifts=gifts)


FEARS = Choice(
    "fear",
    {
        _fear("water", "deep water", "de água funda", SWIM): 4,
        _fear("heights", "heights", "de altura", CLIMB, FLY): 4,
        _fear("dark", "the dark", "do escuro", DIG): 3,
        _fear("thunder", "thunder", "de trovão"): 3,
        _fear("geese", "geese", "de gansos"): 1,
    },
)


def tell(t: Narrator, s: Scene) -> str:
    """Tell how it was found; return the mood at the end."""
    a, b = s.a, s.b
    _, thing = t.say(
        "{a} could not find {a:his} {quality} {thing} anywhere.",
        "{a} não encontrava {thing:seu} {quality:@thing} em lugar nenhum.",
        a=a,
        quality=QUALITIES,
        thing=LOSABLE,
    )
    spot = t.say('"I saw it {spot}," said {b}.', '"Eu vi! Está {spot}", disse {b}.', b=b, spot=SPOTS)
    fear = t.say(
        "Now, you must know that {b} was afraid of {fear}.",
        "Mas é preciso saber que {b} tinha medo {fear}.",
        b=b,
        fear=FEARS,
    )
    t.say("They went there at once.", "Foram logo até lá.")
    need = spot.need
    if a.gift in need.gifts:
        who = fetch(t, a)
    elif b.gift in need.gifts and b.gift not in fear.gifts:
        who = fetch(t, b)
    else:
        who = ask_a_stranger(t, s, need, fear)
    t.say(
        "{thing:The} was {need:after!rule}, but safe.",
        "{thing:O} estava {need:after!rule}, mas inteir{thing:-o}.",
        thing=thing,
        need=need,
    )
    t.ask(
        "two-hop",
        ("Who fetched {thing:the}?", "Quem foi buscar {thing:o}?"),
        answer_for(who),
        thing=thing,
        who=who,
    )
    t.ask(
        "copy",
        ("Where was {thing:the}?", "Onde estava {thing:o}?"),
        ("{spot}", "{spot}"),
        thing=thing,
        spot=spot,
    )
    t.note(thing=thing.key, kindness=0 if who is a else 1)
    if who is a:
        t.say(
            '[ending:"Without your good eyes I would still be looking," said] {a} [ending:to] {b}.',
            '[ending:"Sem os seus olhos eu ainda estaria procurando", disse] {a} [ending:a] {b}.',
            a=a,
            b=b,
        )
        return "happy"
    t.ways(
        "thanks",
        (
            3,
            "cheered",
            "[ending:They gave] {who:the!two-hop} [ending:three cheers.]",
            "[ending:E deram três vivas] {who:ao!two-hop}.",
        ),
        (
            2,
            "hugged",
            '[ending:"Thank you!" cried] {a}[ending:, hugging] {who:the!two-hop}.',
            '[ending:"Que alegria!", gritou] {a}[ending:, abraçando] {who:o!two-hop}.',
        ),
        a=a,
        who=who,
    )
    return "happy"


def fetch(t: Narrator, who: Word) -> Word:
    """One of the friends can do it."""
    t.say(
        "{who:Kinds!rule} [rule:can] {gift:can!rule}[rule:, so] {who!rule} {gift:did!rule} [rule:and brought it back.]",
        "{who:Kinds!rule} [rule:sabem] {gift:can!rule}[rule:, então] {who!rule} {gift:did!rule} [rule:e voltou com tudo.]",
        who=who,
        gift=who.gift,
    )
    return who


def ask_a_stranger(t: Narrator, s: Scene, need: Word, fear: Word) -> Word:
    """Neither can, or the one who can is afraid."""
    if s.b.gift in need.gifts:
        t.say(
            "{b:Kinds!rule} [rule:can] {gift:can!rule}[rule:, but] {b!rule} [rule:was too frightened.]",
            "{b:Kinds!rule} [rule:sabem] {gift:can!rule}[rule:, mas] {b!rule} [rule:ficou com medo.]",
            b=s.b,
            gift=s.b.gift,
        )
        t.ask(
            "rule",
            ("Why did {b} not fetch it?", "Por que {b} não foi buscar?"),
            ("because {b:he} was afraid of {fear}", "porque tinha medo {fear}"),
            b=s.b,
            fear=fear,
        )
    else:
        t.say(
            "[rule:But neither of them could] {need!rule}.",
            "[rule:Mas] {they:nenhum!rule} [rule:sabia] {need!rule}.",
            they=s.they,
            need=need,
        )
    helper = t.say(
        "Luckily {helper:a} came by.", "Por sorte passou {helper:um}.", helper=HELPERS_FOR[need.gifts]
    )
    t.say(
        "{helper:The} {gift:did!rule} [rule:and brought it back.]",
        "{helper:O} {gift:did!rule} [rule:e voltou com tudo.]",
        helper=helper,
        gift=helper.gift,
    )
    return helper


def answer_for(who: Word) -> tuple[str, str]:
    """Return how to name somebody in an answer: by name, or as the animal that came by."""
    return ("{who}", "{who}") if "he" in who.forms["en"] else ("{who:the}", "{who:o}")
