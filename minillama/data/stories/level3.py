# ruff: noqa: E501 (a sentence stays on one line)
"""Level 3: the whole world. Two friends, where they live, what they wear, and one of fifteen kinds of story.

    opening    who, what kind, where, wearing what         about two sentences
    hook       which kind of story it is                    one sentence, the choice among all kinds
    story      told by its module in `kinds/`               four to ten sentences
    closing    what is left in the evening                  one sentence; it remembers the opening

Facts in the opening matter later: a kind of animal decides what its bearer can do, a gender every pronoun,
home and clothes come back at the end.
"""

from __future__ import annotations

from minillama.data.stories.cast import KINDS, LOOKS, NAMES, THEY, Scene, person
from minillama.data.stories.kinds import (
    baking,
    courage,
    errand,
    garden,
    helping,
    hidden,
    journey,
    lost,
    market,
    presents,
    race,
    riddles,
    sharing,
    swaps,
    truth,
)
from minillama.data.stories.narrators import Narrator
from minillama.data.stories.things import COLOURS, HOMES, WEAR

KINDS_OF_STORY = (
    lost,
    sharing,
    presents,
    hidden,
    helping,
    truth,
    courage,
    baking,
    journey,
    market,
    swaps,
    race,
    errand,
    riddles,
    garden,
)
HOOKS = tuple(module.HOOK for module in KINDS_OF_STORY)
TELLERS = {module.HOOK[1]: module.tell for module in KINDS_OF_STORY}


def tell(t: Narrator) -> None:
    """Tell a story of level 3."""
    scene = open_story(t)
    kind = t.ways("story", *HOOKS, a=scene.a, b=scene.b)
    t.note(
        hero=scene.a,
        hero_kind=scene.a.kind,
        friend=scene.b,
        friend_kind=scene.b.kind,
        home=scene.home,
        story=kind,
    )
    mood = TELLERS[kind](t, scene)
    t.note(mood=mood)
    close(t, scene, mood)
    ask_about_opening(t, scene)
    ask_mood(t, mood)


def ask_about_opening(t: Narrator, s: Scene) -> None:
    """Ask for what was said at the very beginning."""
    words = {"a": s.a, "b": s.b, "home": s.home, "colour": s.colour, "wear": s.wear}
    t.ask("copy", ("What animal is {a}?", "Que bicho é {a}?"), ("{a:a}", "{a:um}"), **words)
    t.ask("copy", ("What animal is {b}?", "Que bicho é {b}?"), ("{b:a}", "{b:um}"), **words)
    t.ask("copy", ("Where does {a} live?", "Onde {a} mora?"), ("{home:in}", "{home:in}"), **words)
    t.ask(
        "copy",
        ("What colour is the {wear} of {a}?", "De que cor é {wear:o} de {a}?"),
        ("{colour}", "{colour:@wear}"),
        **words,
    )


def ask_mood(t: Narrator, mood: str) -> None:
    """Ask how it ends."""
    answer = ("well", "bem") if mood == "happy" else ("badly", "mal")
    t.ask("ending", ("Does the story end well or badly?", "A história termina bem ou mal?"), answer)


def open_story(t: Narrator) -> Scene:
    """Bring in two friends, the first of them with a home and something to wear."""
    _, home, name_a = t.ways(
        "opening",
        (5, "long ago", "Long ago, {home:in}, there lived {a},", "Há muito tempo, {home:in}, vivia {a},"),
        (4, "once", "Once upon a time, {home:in}, lived {a},", "Certa vez, {home:in}, vivia {a},"),
        (3, "somewhere", "Somewhere {home:in} lived {a},", "Em algum lugar, {home:in}, morava {a},"),
        (2, "still told", "They still tell it {home:in}. It is about {a},", "Ainda contam isto {home:in}. É sobre {a},"),
        (1, "if you had", "If you had looked {home:in}, you would have met {a},", "Quem procurasse {home:in} encontraria {a},"),
        home=HOMES,
        a=NAMES,
    )  # fmt: skip
    _, kind_a, colour, wear = t.say(
        "{look:a} {kind} with {colour:a} {wear}.",
        "{kind:um} {look:@kind} de {wear} {colour:@wear}.",
        look=LOOKS,
        kind=KINDS[name_a.gender],
        colour=COLOURS,
        wear=WEAR,
    )
    a = person(name_a, kind_a)
    _, name_b = t.ways(
        "friendship",
        (4, "door", "Next door lived {b},", "Na casa ao lado morava {b},"),
        (3, "tea", "Every day {a:he} had tea with {b},", "Todos os dias {a:ele} tomava chá com {b},"),
        (2, "laugh", "Nobody made {a:him} laugh like {b},", "Ninguém fazia {a} rir como {b},"),
        (2, "school", "{a:His} friend since school was {b},", "Desde a escola andava com {b},"),
        a=a,
        b=NAMES.without(name_a),
    )
    kind_b = t.say("{kind:a}.", "{kind:um}.", kind=KINDS[name_b.gender].without(kind_a))
    b = person(name_b, kind_b)
    they = THEY["f" if a.gender == b.gender == "f" else "m"]
    return Scene(a, b, they, home, colour, wear)


def close(t: Narrator, s: Scene, mood: str) -> None:
    """Say what is left of the day."""
    words = {"a": s.a, "b": s.b, "they": s.they, "home": s.home, "colour": s.colour, "wear": s.wear}
    if mood == "happy":
        t.ways(
            "closing",
            (
                3,
                "wear",
                "[ending:At bedtime] {a} [ending:hung up the] {colour} {wear} [ending:with a smile.]",
                "[ending:Na hora de dormir,] {a} [ending:pendurou] {wear:o} {colour:@wear} [ending:com um sorriso.]",
            ),
            (
                2,
                "home",
                "[ending:And the whole] {home} [ending:talked about it for a week.]",
                "[ending:E] {home:o} [ending:inteir]{home:-o} [ending:falou disso por uma semana.]",
            ),
            (
                2,
                "tomorrow",
                '[ending:"What shall we do tomorrow?" asked] {b}[ending:, yawning.]',
                '[ending:"O que vamos fazer amanhã?", perguntou] {b}[ending:, bocejando.]',
            ),
            (
                1,
                "stars",
                "[ending:The stars had seen it all and winked.]",
                "[ending:As estrelas viram tudo e piscaram.]",
            ),
            **words,
        )
        return
    t.ways(
        "closing",
        (
            3,
            "wear",
            "[ending:At night a tear fell on the] {colour} {wear}.",
            "[ending:À noite uma lágrima caiu] {wear:no} {colour:@wear}.",
        ),
        (
            2,
            "home",
            "[ending:That day] {home:the} [ending:seemed much too big.]",
            "[ending:Naquele dia] {home:o} [ending:parecia grande demais.]",
        ),
        (
            2,
            "hope",
            '[ending:"Tomorrow will be better," said] {b} [ending:through the wall.]',
            '[ending:"Amanhã vai ser melhor", disse] {b} [ending:do outro lado da parede.]',
        ),
        **words,
    )
