# ruff: noqa: E501 (a sentence stays on one line)
"""A race of three: who is fastest follows from two comparisons, and pride or kindness may undo it."""

from __future__ import annotations

from minillama.data.stories.cast import Scene, person
from minillama.data.stories.lexicon import nouns
from minillama.data.stories.narrators import Narrator
from minillama.data.stories.words import Word

HOOK = (7, "race", "Every summer there was a great race.", "Todo verão havia uma grande corrida.")
PRIZES = nouns(
    "prize",
    (4, "cup", "taça", "f"),
    (4, "crown of flowers", "coroa de flores", "f"),
    (3, "medal", "medalha", "f"),
    (2, "honey cake", "bolo de mel", "m"),
    (1, "wheel of cheese", "queijo inteiro", "m"),
)


def tell(t: Narrator, s: Scene) -> str:
    """Compare, run, and see who wins."""
    a, b = s.a, s.b
    name = t.say("{a} and {b} ran, and so did {c},", "{a} e {b} foram correr com {c},", a=a, b=b, c=s.third())
    kind = t.say("{kind:a}.", "{kind:um}.", kind=s.kinds(name.gender))
    c = person(name, kind)
    prize = t.say("The prize was {prize:a}.", "O prêmio era {prize:um}.", prize=PRIZES)
    first, second, third = order(t, a, b, c)
    words = {"first": first, "second": second, "third": third, "prize": prize}
    t.say('"Ready, steady, go!" crowed the rooster.', '"Preparar, apontar, já!", cantou o galo.')
    turn = t.ways(
        "turn",
        (4, "fair", "They ran like the wind.", "Correram como o vento."),
        (2, "nap", "{first!two-hop}, far ahead, lay down for a nap.", "{first!two-hop}, lá na frente, deitou para um cochilo."),
        (3, "fall", "{third!two-hop}, far behind, tripped over a root.", "{third!two-hop}, lá atrás, tropeçou numa raiz."),
        **words,
    )  # fmt: skip
    t.ask(
        "two-hop",
        ("Who was the fastest of the three?", "Quem era o mais rápido dos três?"),
        ("{first}", "{first}"),
        first=first,
    )
    winner = first
    if turn == "fall":
        helped = t.ways(
            "helped",
            (3, "yes", "{first!two-hop} turned back to help.", "{first!two-hop} voltou para ajudar."),
            (1, "no", "Nobody turned round.", "Ninguém olhou para trás."),
            first=first,
        )
        if helped == "yes":
            t.note(kindness=2)
            return kind_loser(t, words)
        t.note(kindness=-1)
    elif turn == "nap":
        winner = second
        t.note(kindness=0)
    else:
        t.note(kindness=0)
    words["winner"] = winner
    t.say(
        "So {winner!two-hop} [rule:won] {prize:the}.",
        "Então {winner!two-hop} [rule:ganhou] {prize:o}.",
        **words,
    )
    t.ask(
        "two-hop",
        ("Who won {prize:the}?", "Quem ganhou {prize:o}?"),
        ("{winner}", "{winner}"),
        prize=prize,
        winner=winner,
    )
    if turn == "nap":
        t.say(
            '[ending:"Good morning!" said] {third!two-hop}[ending:, passing the sleeper.]',
            '[ending:"Bom dia!", disse] {third!two-hop}[ending:, passando por quem dormia.]',
            **words,
        )
    elif turn == "fall":
        t.say(
            "{third!two-hop} [ending:limped home alone.]",
            "{third!two-hop} [ending:mancou sem companhia até em casa.]",
            **words,
        )
        return "sad"
    else:
        t.say(
            "{second!two-hop} [ending:came next, and] {third!two-hop} [ending:last, with the biggest smile.]",
            "{second!two-hop} [ending:chegou depois, e] {third!two-hop} [ending:por fim, com o maior sorriso.]",
            **words,
        )
    return "happy"


def order(t: Narrator, a: Word, b: Word, c: Word) -> tuple[Word, Word, Word]:
    """Settle who is faster than whom in two comparisons."""
    pairs = {"ab": (a, b), "ba": (b, a), "ac": (a, c), "ca": (c, a), "bc": (b, c), "cb": (c, b)}
    key = t.ways(
        "faster",
        (3, "ab", "{a} was faster than {b},", "{a} corria mais do que {b},"),
        (2, "ba", "{b} was faster than {a},", "{b} corria mais do que {a},"),
        (2, "ac", "{a} was faster than {c},", "{a} corria mais do que {c},"),
        (2, "ca", "{c} was faster than {a},", "{c} corria mais do que {a},"),
        (1, "bc", "{b} was faster than {c},", "{b} corria mais do que {c},"),
        (1, "cb", "{c} was faster than {b},", "{c} corria mais do que {b},"),
        a=a,
        b=b,
        c=c,
    )
    fast, slow = pairs[key]
    other = next(who for who in (a, b, c) if who is not fast and who is not slow)
    place = t.ways(
        "and the third",
        (1, "first", "but not as fast as {other}.", "mas não tanto quanto {other}."),
        (1, "last", "and {slow} was faster than {other}.", "e {slow} corria mais do que {other}."),
        slow=slow,
        other=other,
    )
    return (other, fast, slow) if place == "first" else (fast, slow, other)


def kind_loser(t: Narrator, words: dict[str, Word]) -> str:
    """Let the fastest help the last; then the one between wins, and does the right thing."""
    t.say(
        "So {second!two-hop} [rule:won] {prize:the}.",
        "Então {second!two-hop} [rule:ganhou] {prize:o}.",
        **words,
    )
    t.ask(
        "two-hop",
        ("Who won {prize:the}?", "Quem ganhou {prize:o}?"),
        ("{second}", "{second}"),
        prize=words["prize"],
        second=words["second"],
    )
    t.ways(
        "gesture",
        (
            2,
            "give",
            '[ending:"This belongs to you," said] {second} [ending:to] {first!two-hop}.',
            '[ending:"Isto aqui merece outro dono", disse] {second} [ending:a] {first!two-hop}.',
        ),
        (
            3,
            "share",
            "[ending:But the loudest applause was for] {first!two-hop}.",
            "[ending:Mas o maior aplauso foi para] {first!two-hop}.",
        ),
        **words,
    )
    return "happy"
