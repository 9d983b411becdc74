# ruff: noqa: E501 (a sentence stays on one line)
"""Swapping one thing for the next: who ends up with what follows from the order of the swaps."""

from __future__ import annotations

from minillama.data.stories.cast import PEOPLE, Scene
from minillama.data.stories.narrators import Narrator
from minillama.data.stories.things import NEW, TREASURES
from minillama.data.stories.words import Word

HOOK = (7, "swaps", "{a} set out to get rich.", "{a} saiu para enriquecer.")


def tell(t: Narrator, s: Scene) -> str:
    """Swap twice or three times, and see what it was good for."""
    a, b = s.a, s.b
    _, thing = t.say(
        "{a} owned nothing but {quality:a} {thing}.",
        "{a} só tinha {thing:um} {quality:@thing}.",
        a=a,
        quality=NEW,
        thing=TREASURES,
    )
    things: list[Word] = [thing]
    people: list[Word] = []
    more = "more"
    while more == "more":
        person = t.say("{a:He} met {p:a}", "Encontrou {p:um}", a=a, p=PEOPLE.without(*people))
        new = t.say(
            "and swapped {old:the} for {new:a}.",
            "e trocou {old:o} por {new:um}.",
            old=things[-1],
            new=TREASURES.without(*things),
        )
        people.append(person)
        things.append(new)
        if len(people) == 1:
            t.say('"What luck!" said {p:the}.', '"Que sorte!", disse {p:o}.', p=person)
        elif len(people) == 2:
            more = t.ways(
                "swap",
                (2, "more", "But that was not enough.", "Mas não era o bastante."),
                (3, "stop", "Then {a} was tired of walking.", "Então {a} cansou de andar."),
                a=a,
            )
        else:
            more = "stop"
    t.note(thing=thing.key, kindness=0)
    last, first = things[-1], people[0]
    t.ask(
        "two-hop",
        ("What does {a} have in the end?", "Com o que {a} fica no fim?"),
        ("{x:the}", "{x:o}"),
        a=a,
        x=last,
    )
    t.ask(
        "two-hop",
        ("Who has {x:the} in the end?", "Quem fica com {x:o}?"),
        ("{p:the}", "{p:o}"),
        x=things[1],
        p=people[1],
    )
    t.say(
        "That night {first:the!two-hop} {x:used!copy}, and {second:the!two-hop} {y:used!copy}.",
        "Naquela noite {first:o!two-hop} {x:used!copy}, e {second:o!two-hop} {y:used!copy}.",
        first=first,
        x=things[0],
        second=people[1],
        y=things[1],
    )
    return verdict(t, s, a, b, last)


def verdict(t: Narrator, s: Scene, a: Word, b: Word, last: Word) -> str:
    """Say whether it was worth it."""
    rich = t.ways(
        "rich",
        (
            3,
            "friend",
            '"Are you rich now?" asked {b}. {a} {last:used!two-hop}. [ending:"Rich enough for two!"]',
            '"Ficou ric{a:-o}?", perguntou {b}. {a} {last:used!two-hop}. [ending:"Riqueza que dá para dois!"]',
        ),
        (
            1,
            "poor",
            "{a} came home and missed the old days.",
            "{a} voltou para casa com saudade do começo.",
        ),
        a=a,
        b=b,
        last=last,
    )
    if rich == "friend":
        return "happy"
    t.say(
        "{last:The!two-hop} [ending:lay in a corner, and nobody was glad of it.]",
        "{last:O!two-hop} [ending:ficou num canto, sem alegrar ninguém.]",
        last=last,
    )
    return "sad"
