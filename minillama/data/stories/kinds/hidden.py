# ruff: noqa: E501 (a sentence stays on one line)
"""A thing is hidden and moved: where it is takes two facts, where it is looked for takes who saw what."""

from __future__ import annotations

from minillama.data.stories.cast import Scene
from minillama.data.stories.lexicon import phrases
from minillama.data.stories.narrators import Narrator
from minillama.data.stories.things import BOXES, LOSABLE, NEW, ROOMS

HOOK = (9, "hidden", "{a} had a secret.", "{a} tinha um segredo.")
ERRANDS = phrases(
    "outing",
    (4, "water", "to fetch water", "buscar água"),
    (3, "hens", "to feed the hens", "dar comida às galinhas"),
    (3, "letter", "to post a letter", "pôr uma carta no correio"),
    (2, "wood", "to chop wood", "cortar lenha"),
    (1, "aunt", "to visit an aunt", "visitar uma tia"),
)


def tell(t: Narrator, s: Scene) -> str:
    """Hide it, move it, look for it."""
    a, b = s.a, s.b
    _, thing, box = t.say(
        "It was {quality:a} {thing}, and {a:he} kept it in {box:a}.",
        "Era {thing:um} {quality:@thing}, e ficava dentro de {box:um}.",
        a=a,
        quality=NEW,
        thing=LOSABLE,
        box=BOXES,
    )
    room = t.say("{box:The} stood in {room:the}.", "{box:O} ficava {room:no}.", box=box, room=ROOMS)
    t.say("One day {a} went out {errand}.", "Um dia {a} saiu para {errand}.", a=a, errand=ERRANDS)
    moved, room2, box2 = t.ways(
        "move",
        (
            3,
            "box",
            "Meanwhile {b} swept the floor and carried {box:the} to {room2:the}.",
            "Enquanto isso, {b} varreu o chão e levou {box:o} para {room2:o}.",
        ),
        (
            2,
            "thing",
            "Meanwhile {b} needed {box:the} and put {thing:the} into {box2:a} in {room2:the}.",
            "Enquanto isso, {b} precisou {box:do} e guardou {thing:o} dentro de {box2:um} {room2:no}.",
        ),
        b=b,
        box=box,
        thing=thing,
        room2=ROOMS.without(room),
        box2=BOXES.without(box),
    )
    saw = t.ways(
        "witness",
        (2, "unseen", "{a} knew nothing about it.", "{a} não sabia de nada."),
        (1, "seen", "{a} saw it all through the window.", "{a} viu tudo pela janela."),
        a=a,
    )
    box2 = box2 or box
    words = {"a": a, "b": b, "thing": thing, "box": box, "room": room, "box2": box2, "room2": room2}
    t.note(thing=thing.key, kindness=1)
    t.ask(
        "two-hop",
        ("In which room is {thing:the} now?", "Em que lugar está {thing:o} agora?"),
        ("in {room2:the}", "{room2:no}"),
        **words,
    )
    if saw == "seen":
        t.say(
            "When {a:he} came home, {a:he} [two-hop:went straight to] {room2:the!two-hop} "
            "[two-hop:and looked into] {box2:the!two-hop}.",
            "Quando voltou, {a} [two-hop:foi direto para] {room2:o!two-hop} [two-hop:e abriu] {box2:o!two-hop}.",
            **words,
        )
        first, line = room2, ('"You have sharp eyes!" laughed {b}.', '"Que olhos espertos!", riu {b}.')
    elif moved == "box":
        t.say(
            "When {a:he} came home, {a:he} [rule:ran to] {room:the!rule}[rule:, but] {box:the} [rule:was gone!]",
            "Quando voltou, {a} [rule:correu para] {room:o!rule}[rule:, mas] {box:o} [rule:tinha sumido!]",
            **words,
        )
        first, line = (
            room,
            ('"Look in {room2:the!two-hop}," laughed {b}.', '"Procure {room2:no!two-hop}", riu {b}.'),
        )
    else:
        t.say(
            "When {a:he} came home, {a:he} [rule:opened] {box:the} [rule:in] {room:the!rule}[rule:, but it was empty!]",
            "Quando voltou, {a} [rule:abriu] {box:o} {room:no!rule}[rule:, mas não havia nada dentro!]",
            **words,
        )
        first, line = (
            room,
            ('"Look in {box2:the!two-hop}," laughed {b}.', '"Procure dentro {box2:do!two-hop}", riu {b}.'),
        )
    t.ask(
        "rule",
        ("Where did {a} look first?", "Onde {a} procurou primeiro?"),
        ("in {first:the}", "{first:no}"),
        a=a,
        first=first,
    )
    t.say(*line, **words)
    t.ways(
        "secret",
        (
            3,
            "shared",
            "[ending:From then on the secret belonged to both.]",
            "[ending:Daí em diante o segredo foi dos dois.]",
        ),
        (
            2,
            "kissed",
            "{a} [ending:hugged] {thing:the} [ending:as if it had been away for years.]",
            "{a} [ending:abraçou] {thing:o} [ending:como quem não se via há anos.]",
        ),
        **words,
    )
    return "happy"
