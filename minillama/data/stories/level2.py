"""Level 2: two friends who talk.

A second character, one of the two big and one small, and four lines of dialogue: some 65 words and 19 nats.
What is new over level 1: two names to keep apart, who says what to whom, who of the two can do something
(by size), whose turn it is, halves and doubles of a number.
"""

from __future__ import annotations

from minillama.data.stories import cast
from minillama.data.stories.cast import THEY, person
from minillama.data.stories.lexicon import adjective, amount, amounts, choice_of, noun, phrases
from minillama.data.stories.narrators import Narrator
from minillama.data.stories.things import COLOURS
from minillama.data.stories.words import Choice, Word


def _kinds(gender: str, keys: str) -> Choice:
    everyone = cast.KINDS[gender]
    return choice_of("kind", [everyone.words[everyone.index[key]] for key in keys.split()])


NAMES = choice_of("name", cast.NAMES.words[:20])
KINDS = {
    "f": _kinds("f", "cat bear rabbit monkey fox mouse owl goat duck"),
    "m": _kinds("m", "cat bear rabbit monkey dog mouse duck toad crow"),
}
BIG, SMALL = adjective("big", "grande"), adjective("small", "pequeno")
SIZES = Choice("size", {BIG: 1, SMALL: 1})


def _toy(en: str, pt: str, gender: str, play: tuple[str, str]) -> Word:
    toy = noun(en, pt, gender)
    toy.forms["en"]["play"], toy.forms["pt"]["play"] = play
    return toy


TOYS = Choice(
    "toy",
    {
        _toy("kite", "pipa", "f", ("fly", "soltar")): 5,
        _toy("ball", "bola", "f", ("throw", "jogar")): 4,
        _toy("drum", "tambor", "m", ("beat", "bater")): 3,
        _toy("train", "trem", "m", ("push", "empurrar")): 3,
        _toy("hoop", "arco", "m", ("roll", "rodar")): 2,
        _toy("trumpet", "corneta", "f", ("blow", "soprar")): 1,
    },
)
HIGH = (
    (4, "shelf", "on the top shelf", "na prateleira de cima"),
    (3, "roof", "on the roof", "no telhado"),
    (2, "tree", "up in a tree", "em cima de uma árvore"),
)
LOW = (
    (4, "sofa", "under the sofa", "debaixo do sofá"),
    (3, "stove", "behind the stove", "atrás do fogão"),
    (1, "pipe", "inside a narrow pipe", "dentro de um cano estreito"),
)
PLACES = phrases("place", *HIGH, *LOW)
TURN = noun("turn", "vez", "f", pt_s="vezes")
BISCUIT = noun("biscuit", "biscoito", "m")
ENDS = phrases(
    "end",
    (4, "moon", "until the moon came up", "até a lua aparecer"),
    (3, "dinner", "until dinner was ready", "até o jantar ficar pronto"),
    (2, "star", "until the first star", "até a primeira estrela"),
    (1, "yawn", "until somebody yawned", "até alguém bocejar"),
)


def tell(t: Narrator) -> None:
    """Tell a story of level 2."""
    name_a = t.say("Here come {a},", "Lá vêm {a},", a=NAMES)
    size, kind_a = t.say("{size:a} {kind},", "{kind:um} {size:@kind},", size=SIZES, kind=KINDS[name_a.gender])
    name_b = t.say("and {b},", "e {b},", b=NAMES.without(name_a))
    other = SMALL if size is BIG else BIG
    kind_b = t.say(
        "{size:a!rule} {kind}.",
        "{kind:um} {size:@kind!rule}.",
        size=other,
        kind=KINDS[name_b.gender].without(kind_a),
    )
    a, b = person(name_a, kind_a), person(name_b, kind_b)
    t.say('"What shall we do today?" asked {a}.', '"O que vamos fazer hoje?", perguntou {a}.', a=a)
    colour, toy = t.say(
        '"Let us {toy:play} my {colour} {toy}," said {b}.',
        '"Vamos {toy:play} {toy:meu} {colour:@toy}", disse {b}.',
        b=b,
        colour=COLOURS,
        toy=TOYS,
    )
    words = {"a": a, "b": b, "colour": colour, "toy": toy}
    t.note(hero=a, hero_kind=kind_a, friend=b, friend_kind=kind_b, thing=toy)
    story, place, n = t.ways(
        "story",
        (5, "reach", "But {toy:the} was {place}.", "Mas {toy:o} estava {place}."),
        (3, "turns", "There was only one {toy}, though.", "Só que havia {toy:um} só."),
        (2, "rain", "Then it began to rain.", "Então começou a chover."),
        (3, "biscuits", "First they shared {n}.", "Primeiro dividiram {n}."),
        **words,
        place=PLACES,
        n=EVEN,
    )
    t.note(story=story)
    mood = "happy"
    if story == "reach":
        by_size = {size: a, other: b}
        reach(t, by_size, BIG if place.key in {row[1] for row in HIGH} else SMALL, toy, place)
    elif story == "turns":
        take_turns(t, a, b)
    elif story == "biscuits":
        share(t, a, b, n.value // 2)
    else:
        mood = rain(t, a, b)
    t.note(mood=mood)
    close(t, words, mood)
    t.ask("copy", ("What animal is {a}?", "Que bicho é {a}?"), ("{a:a}", "{a:um}"), a=a)
    t.ask("copy", ("What animal is {b}?", "Que bicho é {b}?"), ("{b:a}", "{b:um}"), b=b)
    t.ask("rule", ("Who is bigger?", "Quem é maior?"), ("{big}", "{big}"), big=a if size is BIG else b)
    t.ask("copy", ("Whose is {toy:the}?", "De quem é {toy:o}?"), ("{b}", "{b}"), **words)


EVEN = Choice("biscuits", {amount(n, BISCUIT): 1 / n for n in (2, 4, 6, 8, 10)})


def reach(t: Narrator, by_size: dict[Word, Word], size: Word, toy: Word, place: Word) -> None:
    """Let the one of the right size get it: big for high places, small for narrow ones."""
    who = by_size[size]
    t.ask("copy", ("Where was {toy:the}?", "Onde estava {toy:o}?"), ("{p}", "{p}"), toy=toy, p=place)
    t.say(
        '"I am {size!rule}, so I can get it," said {who!two-hop}.',
        '"Eu sou {size:@who!rule}, então eu pego", disse {who!two-hop}.',
        size=size,
        who=who,
    )
    t.ask("two-hop", ("Who got {toy:the}?", "Quem pegou {toy:o}?"), ("{who}", "{who}"), toy=toy, who=who)
    t.say("And {who:he} did.", "E pegou mesmo.", who=who)
    t.note(kindness=1)


def take_turns(t: Narrator, a: Word, b: Word) -> None:
    """Let one go first, and count the turns of both."""
    offer = t.ways(
        "offer",
        (2, "a", '"You go first," said {a}.', '"Você primeiro", disse {a}.'),
        (3, "b", '"You go first," said {b}.', '"Você primeiro", disse {b}.'),
        a=a,
        b=b,
    )
    first, second = (b, a) if offer == "a" else (a, b)
    n = t.say(
        "So {first!rule} had {n}, and then {second!rule} had {n:n!copy}, too.",
        "Assim {first!rule} brincou {n}, e depois {second!rule} brincou {n:n!copy} também.",
        first=first,
        second=second,
        n=amounts("turns", 2, 6, TURN),
    )
    twice = amount(2 * n.value, TURN)
    t.say("[counting:That made] {twice!counting}.", "[counting:Foram] {twice!counting}.", twice=twice)
    t.ask("rule", ("Who went first?", "Quem foi primeiro?"), ("{first}", "{first}"), first=first)
    t.ask(
        "counting",
        ("How many turns did they have together?", "Quantas vezes brincaram ao todo?"),
        ("{n:n}", "{n:n}"),
        n=twice,
    )
    t.note(kindness=2)


def share(t: Narrator, a: Word, b: Word, half: int) -> None:
    """Halve the biscuits; somebody may give one of the own half away."""
    each = amount(half, BISCUIT)
    t.say("[counting:Each got] {each:n!counting}.", "[counting:Cada um ganhou] {each:n!counting}.", each=each)
    t.ask(
        "counting",
        ("How many biscuits did each of them get?", "Quantos biscoitos cada um ganhou?"),
        ("{n:n}", "{n:n}"),
        n=each,
    )
    gift = t.ways(
        "gift",
        (3, "none", "Not a crumb was left.", "Não sobrou nem migalha."),
        (2, "a", '"Have one of mine," said {a} to {b}.', '"Pegue um dos meus", disse {a} a {b}.'),
        (2, "b", '"Have one of mine," said {b} to {a}.', '"Pegue um dos meus", disse {b} a {a}.'),
        a=a,
        b=b,
    )
    t.note(kindness=1)
    if gift != "none":
        t.note(kindness=2)
        giver, taker = (a, b) if gift == "a" else (b, a)
        left, more = amount(half - 1, BISCUIT), amount(half + 1, BISCUIT)
        t.say(
            "[counting:Now] {taker!rule} [counting:had] {more:n!counting}, {giver} {left:n!counting}.",
            "[counting:Agora] {taker!rule} [counting:tinha] {more:n!counting}, {giver} {left:n!counting}.",
            taker=taker,
            giver=giver,
            more=more,
            left=left,
        )


def rain(t: Narrator, a: Word, b: Word) -> str:
    """Build a tent, or go home."""
    turn = t.ways(
        "turn",
        (3, "tent", '"We can build a tent," said {a}.', '"Podemos fazer uma barraca", disse {a}.'),
        (2, "home", '"I am going home," said {b}.', '"Eu vou para casa", disse {b}.'),
        a=a,
        b=b,
    )
    if turn == "home":
        t.note(kindness=-1)
        return "sad"
    t.say(
        "{they:They} took two chairs and a blanket, and it was dry and warm inside.",
        "Pegaram duas cadeiras e um cobertor, e dentro era quente e seco.",
        they=THEY["m"],
    )
    t.note(kindness=1)
    return "happy"


def close(t: Narrator, words: dict[str, Word], mood: str) -> None:
    """End the day."""
    if mood == "sad":
        t.say(
            "{a} [ending:sat at the window, and] {b} [ending:sat alone with the] {colour} {toy}.",
            "{a} [ending:ficou na janela, e] {b} [ending:ficou só com] {toy:o} {colour:@toy}.",
            **words,
        )
        return
    t.say(
        "[ending:They played with the] {colour} {toy} {end}.",
        "[ending:Brincaram com] {toy:o} {colour:@toy} {end}.",
        **words,
        end=ENDS,
    )
    t.ways(
        "good night",
        (3, "a", '"Good night, {b}," said {a}.', '"Boa noite, {b}", disse {a}.'),
        (2, "b", '"Good night, {a}," said {b}.', '"Boa noite, {a}", disse {b}.'),
        **words,
    )
