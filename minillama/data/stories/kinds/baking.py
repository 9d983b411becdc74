# ruff: noqa: E501 (a sentence stays on one line)
"""A birthday dish, one thing short: what it is made of, who has it, and what it lacks without."""

from __future__ import annotations

from minillama.data.stories.cast import Scene
from minillama.data.stories.lexicon import amount, amounts, noun
from minillama.data.stories.narrators import Narrator
from minillama.data.stories.things import CANDLE, YEAR
from minillama.data.stories.words import Choice, Word

HOOK = (8, "baking", "{b}'s birthday was near.", "O aniversário de {b} estava perto.")


def _stuff(key: str, pt: str, source: tuple[str, str], fault: tuple[str, str]) -> Word:
    """Return an ingredient, who has it, and how a dish turns out without."""
    return Word(
        key,
        {"": key, "source": source[0], "fault": fault[0]},
        {"": pt, "source": source[1], "fault": fault[1]},
    )


FLOUR = _stuff("flour", "farinha", ("the miller", "ao moleiro"), ("ran off the plate", "escorreu do prato"))
EGGS = _stuff("eggs", "ovos", ("the hens", "às galinhas"), ("fell flat", "não cresceu nada"))
HONEY = _stuff(
    "honey", "mel", ("the bees", "às abelhas"), ("was not sweet at all", "não tinha doçura nenhuma")
)
BUTTER = _stuff("butter", "manteiga", ("the cow", "à vaca"), ("was as hard as stone", "parecia pedra"))
MILK = _stuff("milk", "leite", ("the goat next door", "à cabra vizinha"), ("was dry as dust", "virou pó"))
YEAST = _stuff("yeast", "fermento", ("the baker", "ao padeiro"), ("would not rise", "nem levantou"))
SALT = _stuff(
    "salt", "sal", ("the old sailor", "ao velho marinheiro"), ("tasted of nothing", "não tinha gosto")
)
ONIONS = _stuff(
    "onions", "cebolas", ("the gardener", "à jardineira"), ("smelled of water", "cheirava a água")
)
CARROTS = _stuff(
    "carrots", "cenouras", ("the donkey", "ao burro"), ("looked rather pale", "ficou com cara de doente")
)
RAISINS = _stuff(
    "raisins", "passas", ("the grocer", "ao merceeiro"), ("had nothing to pick out", "não tinha surpresa")
)


def _without(ingredient: Word, others: list[Word]) -> Word:
    """Return the ingredient as an option, together with the two that are there."""
    en, pt = ([word.forms[language][""] for word in others] for language in ("en", "pt"))
    return Word(
        ingredient.key,
        {**ingredient.forms["en"], "rest": f"{en[0]} and {en[1]}"},
        {**ingredient.forms["pt"], "rest": f"{pt[0]} e {pt[1]}"},
    )


def _dish(en: str, pt: str, gender: str, *recipe: Word) -> Word:
    dish = noun(en, pt, gender, pt_s=pt)
    for language, joint in (("en", "and"), ("pt", "e")):
        x, y, z = (word.forms[language][""] for word in recipe)
        dish.forms[language]["recipe"] = f"{x}, {y} {joint} {z}"
    options = {
        _without(word, [other for other in recipe if other is not word]): 1 / (i + 2)
        for i, word in enumerate(recipe)
    }
    dish.__dict__["missing"] = Choice("missing", options)
    return dish


DISHES = Choice(
    "dish",
    {
        _dish("cake", "bolo", "m", EGGS, FLOUR, HONEY): 5,
        _dish("loaf of bread", "pão", "m", YEAST, FLOUR, SALT): 4,
        _dish("pot of soup", "sopa", "f", CARROTS, ONIONS, SALT): 4,
        _dish("pudding", "pudim", "m", HONEY, EGGS, MILK): 3,
        _dish("stack of pancakes", "pilha de panquecas", "f", MILK, EGGS, FLOUR): 3,
        _dish("raisin bun", "rosca de passas", "f", RAISINS, YEAST, BUTTER): 2,
        _dish("pie", "torta", "f", BUTTER, FLOUR, ONIONS): 2,
    },
)


def tell(t: Narrator, s: Scene) -> str:
    """Bake it, with or without."""
    a, b = s.a, s.b
    years, dish = t.say(
        "{b} had been {years} old for a whole year, and {a} wanted to make {dish:a}.",
        "{b} já tinha {years} há muito tempo, e {a} queria fazer {dish:um}.",
        a=a,
        b=b,
        years=amounts("age", 3, 11, YEAR),
        dish=DISHES,
    )
    t.say("For that you need {dish:recipe!rule}.", "Para isso é preciso {dish:recipe!rule}.", dish=dish)
    missing = t.say(
        "{a} found no {missing} in the cupboard, only {missing:rest!rule}.",
        "No armário não havia {missing}, só {missing:rest!rule}.",
        a=a,
        missing=dish.missing,
    )
    turn = t.ways(
        "turn",
        (
            5,
            "fetch",
            "So {a} took a cup and asked {missing:source!rule} for some.",
            "Então {a} pegou uma xícara e foi pedir {missing:source!rule}.",
        ),
        (2, "skip", '"It will do without," thought {a}.', '"Vai sem mesmo", pensou {a}.'),
        a=a,
        missing=missing,
    )
    t.note(thing=dish.key, kindness=1)
    candles = amount(years.value + 1, CANDLE)
    t.ask("copy", ("What was missing?", "O que faltava?"), ("{missing}", "{missing}"), missing=missing)
    t.ask(
        "counting", ("How many candles were there?", "Quantas velas havia?"), ("{n:n}", "{n:n}"), n=candles
    )  # fmt: skip
    if turn == "fetch":
        t.say("{dish:The} [rule:came out just right.]", "{dish:O} [rule:saiu no ponto.]", dish=dish)
        t.ask(
            "rule",
            ("Who gave the {missing}?", "A quem {a} foi pedir ajuda?"),
            ("{missing:source}", "{missing:source}"),
            a=a,
            missing=missing,
        )
    else:
        t.say(
            "{dish:The} {missing:fault!rule}.", "{dish:O} {missing:fault!rule}.", dish=dish, missing=missing
        )
    t.say(
        "[counting:Around it burned] {candles!counting}, and {b} blew them all out.",
        "[counting:Em volta ardiam] {candles!counting}, e {b} soprou todas.",
        b=b,
        candles=candles,
    )
    if turn == "fetch":
        t.ways(
            "taste",
            (3, "more", '[ending:"More!" cried] {b}[ending:, with a full mouth.]', '[ending:"Mais!", pediu] {b}[ending:, de boca cheia.]'),
            (2, "crumb", "[ending:Not a crumb was left.]", "[ending:Não sobrou nem migalha.]"),
            b=b,
        )  # fmt: skip
        return "happy"
    friend = t.ways(
        "taste",
        (
            3,
            "polite",
            '[ending:"A friend made it, so it is delicious," said] {b}[ending:, and ate it all.]',
            '[ending:"Foi feito com carinho, então é uma delícia", disse] {b}[ending:, e comeu tudo.]',
        ),
        (
            2,
            "birds",
            "[ending:Even the pigeons would not touch it.]",
            "[ending:Nem os pombos quiseram provar.]",
        ),
        b=b,
    )
    return "happy" if friend == "polite" else "sad"
