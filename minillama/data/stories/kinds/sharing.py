# ruff: noqa: E501 (a sentence stays on one line)
"""Fruit is gathered, and put together, given away or kept: small sums told in words."""

from __future__ import annotations

from minillama.data.stories.cast import SMALL, Scene
from minillama.data.stories.lexicon import amount, amounts
from minillama.data.stories.narrators import Narrator
from minillama.data.stories.things import FRUITS
from minillama.data.stories.words import Word

HOOK = (9, "sharing", "It was harvest time.", "Era tempo de colheita.")


def tell(t: Narrator, s: Scene) -> str:
    """Tell how many there were, and who had how many in the end."""
    a, b = s.a, s.b
    fruit = t.say("The {fruit:s} were ripe.", "Já dava para colher {fruit:os}.", fruit=FRUITS)
    n, m = t.say(
        "{a} picked {n}, and {b} picked {m:n}.",
        "{a} colheu {n}, e {b} colheu {m:n}.",
        a=a,
        b=b,
        n=amounts("picked", 2, 9, fruit),
        m=amounts("picked", 2, 9, fruit),
    )
    what = t.ways(
        "sharing",
        (3, "pool", '"Let us put them together," said {b}.', '"Vamos juntar tudo", disse {b}.'),
        (4, "give", "{a} liked {b} more than {fruit:s}.", "{a} gostava mais de {b} do que de {fruit:s}."),
        (2, "keep", "{a} did not want to share.", "{a} não queria dividir."),
        a=a,
        b=b,
        fruit=fruit,
    )
    t.note(thing=fruit.key, kindness={"pool": 1, "give": 2, "keep": -1}[what])
    if what == "pool":
        return pool(t, s, n.value + m.value, fruit)
    if what == "give":
        return give(t, s, n, m, fruit)
    return keep(t, s, n, m, fruit)


def pool(t: Narrator, s: Scene, total: int, fruit: Word) -> str:
    """Put them together and halve them; a last odd one goes to a small guest."""
    half = amount(total // 2, fruit)
    t.say(
        "[counting:That made] {total:n!counting}[counting:.]",
        "[counting:Deu] {total:n!counting}[counting:.]",
        total=amount(total, fruit),
    )
    t.ask(
        "counting",
        ("How many {fruit:s} did they have together?", "Quant{fruit:-os} {fruit:s} havia ao todo?"),
        ("{n:n}", "{n:n}"),
        fruit=fruit,
        n=amount(total, fruit),
    )
    if total % 2 == 0:
        t.say(
            "[counting:Each of them ate] {half:n!counting}[counting:, and not one was left.]",
            "{they:Cada!counting} [counting:comeu] {half:n!counting}[counting:, e não sobrou nada.]",
            they=s.they,
            half=half,
        )
    else:
        guest = t.say(
            "[counting:Each of them ate] {half:n!counting}[counting:, and the last one went to] {guest:a}.",
            "{they:Cada!counting} [counting:comeu] {half:n!counting}[counting:, e o que sobrou foi para] {guest:um}.",
            they=s.they,
            half=half,
            guest=SMALL,
        )
        t.say(
            '[ending:"Sweet!" sang] {guest:the}[ending:, and ate and ate.]',
            '[ending:"Que doce!", cantou] {guest:o}[ending:, e comeu, e comeu.]',
            guest=guest,
        )
    return "happy"


def give(t: Narrator, s: Scene, n: Word, m: Word, fruit: Word) -> str:
    """Give some away, and see who has more."""
    a, b = s.a, s.b
    k = t.say(
        "So {a:he} gave {b} {k:n} of {a:his} {fruit:s}.",
        "Então deu {k:n} para {b}.",
        a=a,
        b=b,
        fruit=fruit,
        k=amounts("given", 1, n.value - 1, fruit),
    )
    left, right = amount(n.value - k.value, fruit), amount(m.value + k.value, fruit)
    t.say(
        "[counting:Now] {a} [counting:had] {left:n!counting} [counting:and] {b} [counting:had] {right:n!counting}.",
        "[counting:Agora] {a} [counting:tinha] {left:n!counting} [counting:e] {b} [counting:tinha] {right:n!counting}.",
        a=a,
        b=b,
        left=left,
        right=right,
    )
    for who, count in ((a, left), (b, right)):
        t.ask(
            "counting",
            ("How many {fruit:s} did {who} have then?", "Com quant{fruit:-os} {fruit:s} {who} ficou?"),
            ("{n:n}", "{n:n}"),
            fruit=fruit,
            who=who,
            n=count,
        )
    if left.value == right.value:
        t.say(
            "[counting:So both had just as many,] [ending:and they sat down to eat.]",
            "[counting:Então estavam iguais,] [ending:e sentaram para comer.]",
        )
    else:
        most = a if left.value > right.value else b
        t.say(
            "{most!counting} [counting:had more now,] [ending:and ran home to bake a pie for both.]",
            "{most!counting} [counting:tinha mais,] [ending:e correu para casa para assar uma torta.]",
            most=most,
        )
    return "happy"


def keep(t: Narrator, s: Scene, n: Word, m: Word, fruit: Word) -> str:
    """Eat them all alone, and be sorry; a friend may come with tea."""
    a, b = s.a, s.b
    t.say(
        "{a:He} ate all {n:n!counting} alone, and oh, how {a:his} tummy ached!",
        "Comeu {n:n!counting} sem parar, e ai, que dor de barriga!",
        a=a,
        n=n,
    )
    end = t.ways(
        "visit",
        (
            3,
            "tea",
            "{b} came with hot tea and {b:his} own {m:n!counting}.",
            "{b} chegou com chá quente e com {m:n!counting} na cesta.",
        ),
        (2, "alone", "{b} went home without a word.", "{b} foi embora sem dizer nada."),
        b=b,
        m=m,
    )
    if end == "tea":
        t.say(
            '[ending:"Next time we share," groaned] {a}.',
            '[ending:"Da próxima vez a gente divide", gemeu] {a}.',
            a=a,
        )
        return "happy"
    t.say(
        "[ending:The evening was long, and nobody came to sing.]",
        "[ending:A noite foi longa, e ninguém veio cantar.]",
    )
    return "sad"
