# ruff: noqa: E501 (a sentence stays on one line)
"""Riddles: the answer is the one thing that fits; the wager says who keeps the prize."""

from __future__ import annotations

from minillama.data.stories.cast import Scene
from minillama.data.stories.narrators import Narrator
from minillama.data.stories.things import QUALITIES, TREASURES
from minillama.data.stories.words import Choice, Word

HOOK = (7, "riddles", "{b} loved riddles.", "{b} adorava adivinhas.")


def _riddle(key: str, en: tuple[str, str], pt: tuple[str, str]) -> Word:
    """Return a riddle with its answer."""
    return Word(key, {"": en[0], "answer": en[1]}, {"": pt[0], "answer": pt[1]})


RIDDLES = Choice(
    "riddle",
    {
        _riddle("clock", ("What has hands but cannot clap?", "a clock"), ("O que tem ponteiros, mas não tece?", "um relógio")): 4,
        _riddle("river", ("What has a bed but never sleeps?", "a river"), ("O que tem leito, mas nunca dorme?", "um rio")): 4,
        _riddle("shadow", ("What follows you but hates the dark?", "a shadow"), ("O que segue você, mas foge do escuro?", "uma sombra")): 4,
        _riddle("egg", ("What must be broken before it is used?", "an egg"), ("O que se quebra antes de usar?", "um ovo")): 3,
        _riddle("candle", ("What grows shorter the longer it lives?", "a candle"), ("O que encolhe enquanto vive?", "uma vela")): 3,
        _riddle("echo", ("What answers without a mouth?", "an echo"), ("O que responde sem ter boca?", "um eco")): 3,
        _riddle("needle", ("What has one eye and sees nothing?", "a needle"), ("O que tem um buraco na cabeça e veste os outros?", "uma agulha")): 2,
        _riddle("snowman", ("Who dies of a warm day?", "a snowman"), ("Quem morre num dia de calor?", "um boneco de neve")): 2,
        _riddle("secret", ("What is gone as soon as you tell it?", "a secret"), ("O que acaba quando se conta?", "um segredo")): 2,
        _riddle("hole", ("What gets bigger the more you take away?", "a hole"), ("O que cresce quanto mais se tira?", "um buraco")): 1,
    },
)  # fmt: skip


def tell(t: Narrator, s: Scene) -> str:
    """Ask it, guess it, win or lose."""
    a, b = s.a, s.b
    _, prize = t.say(
        '"If you can answer, {a}, you get my {quality} {prize}," {b:he} said.',
        '"Se você acertar, {a}, fica com {prize:meu} {quality:@prize}", disse.',
        a=a,
        b=b,
        quality=QUALITIES,
        prize=TREASURES,
    )
    riddle = t.say('"Here it comes. {riddle}"', '"Lá vai. {riddle}"', riddle=RIDDLES)
    words = {"a": a, "b": b, "prize": prize, "riddle": riddle}
    t.note(thing=prize.key, kindness=0)
    t.ask(
        "rule",
        ("What is the answer to the riddle?", "Qual é a resposta da adivinha?"),
        ("{r:answer}", "{r:answer}"),
        r=riddle,
    )
    first, _ = t.ways(
        "guess",
        (2, "right", "{a} grinned from ear to ear.", "{a} sorriu de orelha a orelha."),
        (3, "wrong", '"Is it {wrong:answer}?" asked {a}. "No!" said {b}.', '"É {wrong:answer}?", perguntou {a}. "Não!", disse {b}.'),
        **{name: words[name] for name in ("a", "b")},
        wrong=RIDDLES.without(riddle),
    )  # fmt: skip
    knows = True
    if first == "wrong":
        knows = t.ways(
            "think",
            (2, "yes", "{a} thought so hard that a button popped off.", "{a} pensou tanto que um botão saltou."),
            (1, "no", "{a} thought until the soup was cold.", "{a} pensou até a sopa esfriar."),
            a=a,
        ) == "yes"  # fmt: skip
    keeper = a if knows else b
    t.ask(
        "rule",
        ("Who has {prize:the} in the end?", "Quem fica com {prize:o}?"),
        ("{keeper}", "{keeper}"),
        prize=prize,
        keeper=keeper,
    )
    if knows:
        t.say(
            '"[rule:It is] {riddle:answer!rule}!" [rule:And that was right.]',
            '"[rule:É] {riddle:answer!rule}!" [rule:E estava certo.]',
            **words,
        )
        t.say(
            "So {a!rule} [ending:took] {prize:the} [ending:home, and] {a:he} {prize:used!copy} [ending:until bedtime.]",
            "Então {a!rule} [ending:levou] {prize:o} [ending:para casa e] {prize:used!copy} [ending:até a hora de dormir.]",
            **words,
        )
        return "happy"
    t.say(
        '"[rule:It is] {riddle:answer!rule}," said {b!rule} [rule:at last.]',
        '"[rule:É] {riddle:answer!rule}", disse {b!rule} [rule:por fim.]',
        **words,
    )
    kind = t.ways(
        "prize",
        (3, "keep", "{b} [ending:kept] {prize:the}[ending:, and] {a} [ending:went home grumbling.]", "{b} [ending:ficou com] {prize:o}[ending:, e] {a} [ending:foi embora resmungando.]"),
        (1, "again", '[ending:"Come back tomorrow," said] {b}[ending:, "there are nine more."]', '[ending:"Volte amanhã", disse] {b}[ending:, "ainda tenho nove".]'),
        **words,
    )  # fmt: skip
    return "sad" if kind == "keep" else "happy"
