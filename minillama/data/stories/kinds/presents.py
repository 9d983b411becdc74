"""Presents are given on: who has what in the end follows from every step (two hops and more)."""

from __future__ import annotations

from minillama.data.stories.cast import Scene, person
from minillama.data.stories.lexicon import phrase
from minillama.data.stories.narrators import Narrator
from minillama.data.stories.things import TREASURES
from minillama.data.stories.words import Word

HOOK = (9, "presents", "Presents like to travel.", "Presentes gostam de viajar.")
DAYS = (
    phrase("Monday", "Monday", "segunda-feira"),
    phrase("Tuesday", "Tuesday", "terça-feira"),
    phrase("Thursday", "Thursday", "quinta-feira"),
)


def tell(t: Narrator, s: Scene) -> str:
    """Pass two things round among three friends on three days."""
    a, b = s.a, s.b
    name = t.say("There was a third friend, {c},", "Havia mais alguém na turma, {c},", c=s.third())
    kind = t.say("{kind:a}.", "{kind:um}.", kind=s.kinds(name.gender))
    c = person(name, kind)
    x = t.say("{a} had {x:a},", "{a} tinha {x:um},", a=a, x=TREASURES)
    y = t.say("and {b} had {y:a}.", "e {b} tinha {y:um}.", b=b, y=TREASURES.without(x))
    holds = {x: a, y: b}
    for day in DAYS:
        pass_on(t, (a, b, c), x, y, holds, day)
    t.note(thing=x.key, kindness=2)
    for thing in (x, y):
        t.ask(
            "two-hop",
            ("Who has {thing:the} in the end?", "Quem fica com {thing:o}?"),
            ("{who}", "{who}"),
            thing=thing,
            who=holds[thing],
        )
    if holds[x] is holds[y]:
        return one_has_both(t, (a, b, c), x, y, holds[x])
    idle = next(who for who in (a, b, c) if who not in (holds[x], holds[y]))
    t.say(
        "[two-hop:So on Sunday] {hx!two-hop} {x:used!copy}, {hy!two-hop} {y:used!copy}, "
        "[ending:and] {idle!two-hop} [ending:clapped for both.]",
        "[two-hop:Então, no domingo,] {hx!two-hop} {x:used!copy}, {hy!two-hop} {y:used!copy}, "
        "[ending:e] {idle!two-hop} [ending:bateu palmas.]",
        hx=holds[x],
        hy=holds[y],
        x=x,
        y=y,
        idle=idle,
    )
    return "happy"


def pass_on(
    t: Narrator, people: tuple[Word, Word, Word], x: Word, y: Word, holds: dict[Word, Word], day: Word
) -> None:
    """Let one of the two things go from who has it to one of the other two."""
    to_x = [who for who in people if who is not holds[x]]
    to_y = [who for who in people if who is not holds[y]]
    move = t.ways(
        f"present on {day.key}",
        (3, "first to first", "On {day} {hx} gave {x:the} to {x1}.", "Na {day}, {hx} deu {x:o} para {x1}."),
        (4, "first to second", "On {day} {hx} gave {x:the} to {x2}.", "Na {day}, {hx} deu {x:o} para {x2}."),
        (2, "second to first", "On {day} {hy} gave {y:the} to {y1}.", "Na {day}, {hy} deu {y:o} para {y1}."),
        (3, "second to second", "On {day} {hy} gave {y:the} to {y2}.", "Na {day}, {hy} deu {y:o} para {y2}."),
        day=day,
        x=x,
        y=y,
        hx=holds[x],
        hy=holds[y],
        x1=to_x[0],
        x2=to_x[1],
        y1=to_y[0],
        y2=to_y[1],
    )
    thing, to = {"first": (x, to_x), "second": (y, to_y)}[move.split()[0]]
    holds[thing] = to[move.endswith("second")]


def one_has_both(t: Narrator, people: tuple[Word, Word, Word], x: Word, y: Word, rich: Word) -> str:
    """Everything ended with one of them, who has to use two things at a time."""
    one, two = (who for who in people if who is not rich)
    t.say(
        "[two-hop:So on Sunday] {rich!two-hop} {x:used!copy} and {y:used!copy}, both at once, "
        "[ending:while] {one!two-hop} [ending:and] {two!two-hop} [ending:laughed and laughed.]",
        "[two-hop:Então, no domingo,] {rich!two-hop} {x:used!copy} e {y:used!copy}, tudo ao mesmo tempo, "
        "[ending:enquanto] {one!two-hop} [ending:e] {two!two-hop} [ending:morriam de rir.]",
        rich=rich,
        one=one,
        two=two,
        x=x,
        y=y,
    )
    return "happy"
