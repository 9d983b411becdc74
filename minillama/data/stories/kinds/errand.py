# ruff: noqa: E501 (a sentence stays on one line)
"""A shopping list: what was remembered tells what was forgotten."""

from __future__ import annotations

from minillama.data.stories.cast import Scene
from minillama.data.stories.lexicon import phrases
from minillama.data.stories.narrators import Narrator
from minillama.data.stories.things import GROCERIES
from minillama.data.stories.words import Word

HOOK = (7, "errand", "Grandmother Turtle needed some things.", "A avó Tartaruga precisava de umas coisas.")
SIGHTS = phrases(
    "sight",
    (4, "snails", "two snails racing", "dois caracóis apostando corrida"),
    (4, "circus", "a circus on the move", "um circo passando"),
    (3, "rainbow", "a double rainbow", "um arco-íris duplo"),
    (2, "juggler", "a juggling porcupine", "um porco-espinho malabarista"),
    (1, "cloud", "a cloud shaped like a whale", "uma nuvem em forma de baleia"),
)
TREATS = phrases(
    "treat",
    (4, "story", "a bedtime story", "uma história de dormir"),
    (3, "gingerbread", "warm gingerbread", "pão de mel quentinho"),
    (2, "cocoa", "a cup of cocoa", "uma xícara de chocolate"),
    (1, "stamp", "an old stamp from Brazil", "um selo antigo da China"),
)


def tell(t: Narrator, s: Scene) -> str:
    """Be sent, remember or forget, come back."""
    a, b = s.a, s.b
    x = t.say('"Please bring me {x}', '"Traga para mim {x}', x=GROCERIES)
    y = t.say(", {y}", ", {y}", y=GROCERIES.without(x))
    z = t.say('and {z}," she told {a}.', 'e {z}", pediu a {a}.', a=a, z=GROCERIES.without(x, y))
    words = {"a": a, "b": b, "x": x, "y": y, "z": z}
    t.note(kindness=1)
    memory, sight = t.ways(
        "memory",
        (
            3,
            "song",
            "{a} made a song of it and sang all the way: {x}, {y!copy}, {z!copy}!",
            "{a} fez disso uma canção e cantou o caminho todo: {x}, {y!copy}, {z!copy}!",
        ),
        (5, "sight", "But on the road {a} saw {sight} and stopped to stare.", "Mas na estrada {a} viu {sight} e parou para olhar."),
        **words,
        sight=SIGHTS,
    )  # fmt: skip
    if memory == "song":
        t.say(
            "[rule:And so] {a} [rule:came back with] {x}, {y} [rule:and] {z}[rule:, not one thing less.]",
            "[rule:E assim] {a} [rule:voltou com] {x}, {y} [rule:e] {z}[rule:, sem faltar nada.]",
            **words,
        )
        return reward(t, a)
    t.ask(
        "copy",
        ("What did {a} see on the road?", "O que {a} viu na estrada?"),
        ("{sight}", "{sight}"),
        a=a,
        sight=sight,
    )
    bought = t.ways(
        "bought",
        (2, "z", "In the end {a:he} bought only {x} and {y}.", "No fim comprou só {x} e {y}."),
        (3, "y", "In the end {a:he} bought only {x} and {z}.", "No fim comprou só {x} e {z}."),
        (2, "x", "In the end {a:he} bought only {y} and {z}.", "No fim comprou só {y} e {z}."),
        **words,
    )
    forgotten = words[bought]
    t.ask("rule", ("What did {a} forget?", "O que {a} esqueceu?"), ("{f}", "{f}"), a=a, f=forgotten)
    t.say('"And the {f!rule}?" asked Grandmother.', '"E {f:o!rule}?", perguntou a avó.', f=forgotten)
    turn = t.ways(
        "turn",
        (
            3,
            "friend",
            '"Here!" called {b}, who had thought of it.',
            '"Aqui!", gritou {b}, que tinha se lembrado.',
        ),
        (3, "again", "{a} ran all the way again.", "{a} fez todo o caminho de novo."),
        (2, "late", "But the shop was closed by then.", "Mas a loja já estava fechada."),
        a=a,
        b=b,
    )
    if turn == "late":
        t.say(
            "[ending:So there was no] {f!rule} [ending:that night, and] {a} [ending:went to bed early.]",
            "[ending:Naquela noite ficou faltando] {f!rule}[ending:, e] {a} [ending:foi dormir cedo.]",
            a=a,
            f=forgotten,
        )
        return "sad"
    return reward(t, b if turn == "friend" else a)


def reward(t: Narrator, who: Word) -> str:
    """Give a treat to whoever brought the last thing."""
    treat = t.say(
        "[ending:For this] {who!rule} [ending:got] {treat}.",
        "[ending:Por isso] {who!rule} [ending:ganhou] {treat}.",
        who=who,
        treat=TREATS,
    )
    t.ask("rule", ("Who got {treat}?", "Quem ganhou {treat}?"), ("{who}", "{who}"), treat=treat, who=who)
    return "happy"
