"""A noise in the night: what it sounds like tells what it is, and who is brave decides who looks."""

from __future__ import annotations

from minillama.data.stories.cast import Scene
from minillama.data.stories.lexicon import nouns
from minillama.data.stories.narrators import Narrator
from minillama.data.stories.things import ROOMS
from minillama.data.stories.words import Choice, Word

HOOK = (8, "courage", "One night they heard a noise.", "Certa noite ouviram um barulho.")


def _noise(key: str, en: tuple[str, str, str], pt: tuple[str, str, str], kind: int) -> Word:
    """Return a noise, what makes it, and what is done about it."""
    en_forms, pt_forms = (dict(zip(("", "source", "deed"), forms, strict=True)) for forms in (en, pt))
    return Word(key, en_forms, pt_forms, kind=kind)


NOISES = Choice(
    "noise",
    {
        _noise(
            "tap",
            ("Tap, tap, tap!", "a branch at the window", "cut the branch off"),
            ("Toc, toc, toc!", "um galho na janela", "cortaram o galho"),
            0,
        ): 5,
        _noise(
            "meow",
            ("Meow, meow!", "a wet kitten", "dried the kitten with a towel"),
            ("Miau, miau!", "um gatinho molhado", "secaram o gatinho com uma toalha"),
            2,
        ): 4,
        _noise(
            "hoo",
            ("Hoo, hoo!", "an owlet that had lost its mother", "carried the owlet back to its nest"),
            ("Uh, uh!", "uma corujinha perdida da mãe", "levaram a corujinha de volta ao ninho"),
            2,
        ): 4,
        _noise(
            "creak",
            ("Creak, creak!", "the rusty gate", "put oil on the hinges"),
            ("Nhec, nhec!", "o portão enferrujado", "passaram óleo nas dobradiças"),
            0,
        ): 3,
        _noise(
            "plop",
            ("Plop, plop!", "a tap that dripped", "turned the tap tight"),
            ("Ping, ping!", "uma torneira pingando", "fecharam bem a torneira"),
            0,
        ): 3,
        _noise(
            "scratch",
            ("Scratch, scratch!", "a hungry hedgehog", "gave the hedgehog a bowl of oats"),
            ("Crec, crec!", "um ouriço faminto", "deram ao ouriço uma tigela de aveia"),
            2,
        ): 2,
        _noise(
            "baa",
            ("Baa, baa!", "a lamb that had gone astray", "took the lamb back to its flock"),
            ("Mé, mé!", "um cordeiro extraviado", "devolveram o cordeiro ao rebanho"),
            2,
        ): 2,
        _noise(
            "boom",
            ("Boom, boom!", "a shutter in the wind", "tied the shutter with rope"),
            ("Bum, bum!", "uma veneziana ao vento", "amarraram a veneziana com corda"),
            0,
        ): 1,
    },
)
LIGHTS = nouns(
    "light", (4, "candle", "vela", "f"), (4, "lantern", "lampião", "m"), (2, "torch", "tocha", "f")
)


def tell(t: Narrator, s: Scene) -> str:
    """Hear it, go and look, find out."""
    a, b, they = s.a, s.b, s.they
    noise, room = t.say(
        '"{noise}" it went, somewhere in {room:the}.', '"{noise}" fazia, em algum canto {room:do}.',
        noise=NOISES, room=ROOMS,
    )  # fmt: skip
    brave = t.ways(
        "brave",
        (
            3,
            "a",
            "{b} crept under the bed, but {a} was not afraid of anything.",
            "{b} foi para debaixo da cama, mas {a} não tinha medo de nada.",
        ),
        (
            3,
            "b",
            "{a} crept under the bed, but {b} was not afraid of anything.",
            "{a} foi para debaixo da cama, mas {b} não tinha medo de nada.",
        ),
        (
            2,
            "none",
            "{b} trembled like a leaf, and so did {a}.",
            "{b} tremia feito vara verde, e {a} também.",
        ),
        a=a,
        b=b,
    )
    words = {"a": a, "b": b, "they": they, "noise": noise, "room": room}
    t.note(kindness=noise.kind)
    t.ask(
        "rule",
        ("What made the noise?", "O que fazia o barulho?"),
        ("{noise:source}", "{noise:source}"),
        noise=noise,
    )
    if brave == "none":
        t.say(
            '"Together we are brave enough," [rule:whispered] {b}[rule:, and they went, paw in paw.]',
            '"Nós temos coragem para isso", [rule:sussurrou] {b}[rule:, e foram de mãos dadas.]',
            b=b,
        )
        return discover(t, words)
    hero, other = (a, b) if brave == "a" else (b, a)
    light = t.say(
        "{hero!rule} [rule:took] {light:a} [rule:and went] to look in {room:the}.",
        "{hero!rule} [rule:pegou] {light:um} [rule:e foi] olhar {room:no}.",
        hero=hero,
        light=LIGHTS,
        room=room,
    )
    t.ask("rule", ("Who went to look?", "Quem foi olhar?"), ("{hero}", "{hero}"), hero=hero)
    t.ask(
        "copy",
        ("What did {hero} carry?", "O que {hero} levou?"),
        ("{light:a}", "{light:um}"),
        hero=hero,
        light=light,
    )
    mood = discover(t, words)
    t.say(
        '"Was it a monster?" asked {other!rule} [rule:from under the bed.]',
        '"Era um monstro?", perguntou {other!rule} [rule:debaixo da cama.]',
        other=other,
    )
    t.say(
        '[ending:"Yes," said] {hero!rule}[ending:, "and now it wants a biscuit."]',
        '[ending:"Era", disse] {hero!rule}[ending:, "e agora quer biscoito".]',
        hero=hero,
    )
    return mood


def discover(t: Narrator, words: dict[str, Word]) -> str:
    """Say what it was, which the noise has told already, and what was done."""
    t.ways(
        "surprise",
        (3, "only", "It was only {noise:source!rule}!", "Era só {noise:source!rule}!"),
        (
            2,
            "what",
            "And what did they find? {noise:Source!rule}!",
            "E o que encontraram? {noise:Source!rule}!",
        ),
        **words,
    )
    t.say("[rule:So they] {noise:deed!rule}.", "[rule:Então] {noise:deed!rule}.", **words)
    return "happy"
