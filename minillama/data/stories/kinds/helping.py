# ruff: noqa: E501 (a sentence stays on one line)
"""Somebody small is in need; who is helped helps again, by what its kind can do."""

from __future__ import annotations

from minillama.data.stories.cast import CLIMB, DIG, FLY, HELPERS_FOR, SMALL, SWIM, Scene
from minillama.data.stories.lexicon import phrases
from minillama.data.stories.narrators import Narrator
from minillama.data.stories.words import Choice, Word

HOOK = (9, "helping", "On the road {a} heard a thin little cry.", "Na estrada {a} ouviu um chorinho fino.")
TRAPS = phrases(
    "trap",
    (4, "web", "caught in a spider's web", "numa teia de aranha"),
    (3, "net", "tangled in a net", "numa rede"),
    (3, "thorns", "stuck among thorns", "no meio dos espinhos"),
    (2, "tar", "glued to fresh tar", "no piche fresco"),
    (1, "bottle", "shut in a bottle", "numa garrafa"),
)
GOALS = phrases(
    "haste",
    (4, "school", "late for school", "com pressa para a escola"),
    (3, "dance", "late for a dance", "com pressa para um baile"),
    (2, "train", "late for the train", "com pressa para o trem"),
    (1, "dinner", "late for dinner", "com pressa para o jantar"),
)


def _trouble(key: str, en: str, pt: str, *gifts: Word) -> Word:
    return Word(key, {"": en}, {"": pt}, gifts=gifts)


TROUBLES = Choice(
    "trouble",
    {
        _trouble(
            "well", "dropped the house key into a well", "deixou a chave de casa cair num poço", SWIM
        ): 4,
        _trouble("roof", "lost a shoe on a high roof", "perdeu um sapato num telhado alto", CLIMB, FLY): 4,
        _trouble(
            "tree", "left a lunch bag high in a pine", "esqueceu a merenda no alto de um pinheiro", CLIMB, FLY
        ): 3,
        _trouble(
            "rubble",
            "lost a purse under a heap of rubble",
            "perdeu a bolsa debaixo de um monte de entulho",
            DIG,
        ): 4,
        _trouble("stream", "let an oar slip into the stream", "deixou um remo escapar no riacho", SWIM): 2,
    },
)


def tell(t: Narrator, s: Scene) -> str:
    """Help or pass by; then need help."""
    a, b = s.a, s.b
    small, _ = t.say("It was {small:a}, {trap}.", "Era {small:um}, {trap}.", small=SMALL, trap=TRAPS)
    haste = t.say("Now, {a} was {haste}.", "Acontece que {a} estava {haste}.", a=a, haste=GOALS)
    helped = t.ways(
        "deed",
        (
            3,
            "help",
            '"You come first," said {a}, and set {small:the} free.',
            '"Você vem primeiro", disse {a}, e soltou {small:o}.',
        ),
        (2, "pass", '"No time!" said {a}, and walked on.', '"Não dá tempo!", disse {a}, e seguiu em frente.'),
        a=a,
        small=small,
    )
    trouble = t.say(
        "The very next day {a} {trouble}.", "Logo no dia seguinte {a} {trouble}.", a=a, trouble=TROUBLES
    )
    words = {"a": a, "b": b, "small": small, "haste": haste}
    t.ask(
        "copy",
        ("Who was in trouble on the road?", "Quem estava em apuros na estrada?"),
        ("{small:a}", "{small:um}"),
        small=small,
    )
    if helped == "pass":
        t.note(kindness=-2)
        t.ask(
            "copy",
            ("Why did {a} not stop?", "Por que {a} não parou?"),
            ("because {a:he} was {haste}", "porque estava {haste}"),
            **words,
        )
        return nobody_comes(t, words)
    t.note(kindness=2)
    if small.gift in trouble.gifts:
        rescuer = small
        t.say(
            "[rule:And who came along?] {small:The!rule}[rule:! It] {gift:did!rule} [rule:and brought it back.]",
            "[rule:E quem apareceu?] {small:O!rule}[rule:! Com alegria] {gift:did!rule} [rule:e trouxe tudo de volta.]",
            small=small,
            gift=small.gift,
        )
    else:
        t.say(
            "{small:The!rule} [rule:could not help, but ran for a friend:]",
            "{small:O!rule} [rule:não podia ajudar, mas foi chamar alguém:]",
            small=small,
        )
        rescuer = t.say("{friend:a}.", "{friend:um}.", friend=HELPERS_FOR[trouble.gifts])
        t.say(
            "{friend:The} {gift:did!rule} [rule:and brought it back.]",
            "{friend:O} {gift:did!rule} [rule:e trouxe tudo de volta.]",
            friend=rescuer,
            gift=rescuer.gift,
        )
    t.ask(
        "rule", ("Who brought it back?", "Quem trouxe tudo de volta?"), ("{who:the}", "{who:o}"), who=rescuer
    )
    t.ways(
        "moral",
        (
            3,
            "small",
            '[ending:"No friend is too small," said] {b}[ending:, and] {small:the!two-hop} [ending:bowed.]',
            '[ending:"Nenhum amigo é pequeno demais", disse] {b}[ending:, e] {small:o!two-hop} [ending:fez uma reverência.]',
        ),
        (
            2,
            "tea",
            "[ending:There was tea for everyone, and a thimble of it for] {small:the!two-hop}.",
            "[ending:Houve chá para todos, e um dedal cheio para] {small:o!two-hop}.",
        ),
        **words,
    )
    return "happy"


def nobody_comes(t: Narrator, words: dict[str, Word]) -> str:
    """Who passed by is passed by."""
    t.say(
        "[rule:Nobody came to help, for the small ones had been talking.]",
        "[rule:Ninguém veio ajudar, pois os pequenos tinham conversado.]",
    )
    turn = t.ways(
        "change",
        (3, "sorry", "{a} thought of {small:the!two-hop} and went back with a basket of cakes.",
         "{a} pensou {small:no!two-hop} e voltou com uma cesta de bolinhos."),
        (2, "lonely", "{a} sat down and listened to the rain.", "{a} sentou e ficou ouvindo a chuva."),
        **words,
    )  # fmt: skip
    if turn == "sorry":
        t.note(kindness=0)
        t.say(
            '[ending:"Better late than never," said] {small:the!two-hop}.',
            '[ending:"Antes tarde do que nunca", disse] {small:o!two-hop}.',
            **words,
        )
        return "happy"
    t.say(
        "[ending:It was] {b}[ending:, much later, who found] {a:him} [ending:there.]",
        "[ending:Foi] {b} [ending:que, muito mais tarde, encontrou] {a} [ending:ali.]",
        **words,
    )
    return "sad"
