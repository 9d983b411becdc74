# ruff: noqa: E501 (a sentence stays on one line)
"""Coins at a market: enough or not, what is left, what is lacking."""

from __future__ import annotations

from minillama.data.stories.cast import PEOPLE, Scene
from minillama.data.stories.lexicon import amount, amounts
from minillama.data.stories.narrators import Narrator
from minillama.data.stories.things import COIN, NEW, SWEETS, TREASURES
from minillama.data.stories.words import Word

HOOK = (8, "market", "It was market day.", "Era dia de feira.")


def tell(t: Narrator, s: Scene) -> str:
    """Look, count, buy or not."""
    a = s.a
    n = t.say(
        "{a} had {n} in {a:his} pocket.", "{a} tinha {n} no bolso.", a=a, n=amounts("purse", 3, 12, COIN)
    )
    seller, _, thing = t.say(
        "{seller:A} was selling {quality:a} {thing}.",
        "{seller:Um} vendia {thing:um} {quality:@thing}.",
        seller=PEOPLE,
        quality=NEW,
        thing=TREASURES,
    )
    price = t.say(
        '"{price:^}!" said {seller:the}.', '"{price:^}!", disse {seller:o}.', seller=seller, price=PRICES
    )
    words = {"a": a, "b": s.b, "seller": seller, "thing": thing, "they": s.they}
    t.note(thing=thing.key)
    t.ask(
        "copy",
        ("What did {thing:the} cost?", "Quanto custava {thing:o}?"),
        ("{price}", "{price}"),
        thing=thing,
        price=price,
    )
    rest = n.value - price.value
    if rest < 0:
        return too_dear(t, words, amount(-rest, COIN))
    t.note(kindness=1)
    t.say("{a} [rule:paid and took] {thing:the}.", "{a} [rule:pagou e levou] {thing:o}.", **words)
    if rest == 0:
        t.say(
            "[counting:Now the pocket was empty,] [ending:but the heart was full.]",
            "[counting:Agora o bolso estava vazio,] [ending:mas o coração estava cheio.]",
        )
    else:
        left = amount(rest, COIN)
        t.say("[counting:That left] {left!counting}.", "[counting:Ficou com] {left!counting}.", left=left)
        t.ask(
            "counting",
            ("How many coins were left?", "Quantas moedas ficaram?"),
            ("{left:n}", "{left:n}"),
            left=left,
        )
        sweets(t, s, rest)
    t.say(
        "That evening {a} {thing:used!copy}, [ending:and the whole street came to see.]",
        "À noite {a} {thing:used!copy}, [ending:e a rua inteira parou para ver.]",
        **words,
    )
    return "happy"


PRICES = amounts("price", 2, 10, COIN)


def sweets(t: Narrator, s: Scene, rest: int) -> None:
    """Spend what is left on sweets at one coin each."""
    sweet = t.say(
        "Next door, {sweet:s} cost one coin each.",
        "Ali ao lado, {sweet:os} custavam uma moeda cada.",
        sweet=SWEETS,
    )
    t.say(
        "{a} bought {n!counting} for {b}, who saved none for later.",
        "{a} comprou {n!counting} para {b}, que não guardou nada.",
        a=s.a,
        b=s.b,
        n=amount(rest, sweet),
    )


def too_dear(t: Narrator, words: dict[str, Word], lack: Word) -> str:
    """Be some coins short."""
    t.say(
        "[counting:That was] {lack!counting} [counting:too many.]",
        "[counting:Ainda era preciso ter mais] {lack!counting}.",
        lack=lack,
    )
    t.ask(
        "counting",
        ("How many coins were lacking?", "Quantas moedas faltavam?"),
        ("{lack:n}", "{lack:n}"),
        lack=lack,
    )
    turn = t.ways(
        "help",
        (
            3,
            "friend",
            "{b} turned both pockets inside out and found {lack!counting}.",
            "{b} virou os dois bolsos e achou {lack!counting}.",
        ),
        (
            2,
            "gift",
            '"Then take it for a song," said {seller:the}, and {a} sang.',
            '"Então leve por uma canção", disse {seller:o}, e {a} cantou.',
        ),
        (2, "none", "{a} put {thing:the} back slowly.", "{a} devolveu {thing:o} devagar."),
        lack=lack,
        **words,
    )
    t.note(kindness={"friend": 2, "gift": 2, "none": 0}[turn])
    if turn == "none":
        t.say(
            '[ending:"Sorry," said] {seller:the}[ending:, and packed up the stall.]',
            '[ending:"Sinto muito", disse] {seller:o}[ending:, e desmontou a barraca.]',
            **words,
        )
        return "sad"
    t.say(
        "[ending:So] {thing:the} [ending:came home with] {a}, [ending:and] {a:he} {thing:used!copy}.",
        "[ending:Assim] {thing:o} [ending:foi para casa com] {a}, [ending:que] {thing:used!copy} [ending:até tarde.]",
        **words,
    )
    return "happy"
