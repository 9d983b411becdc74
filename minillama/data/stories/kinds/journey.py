# ruff: noqa: E501 (a sentence stays on one line)
"""A walk out by three ways and back by the same in reverse; what was packed fits the weather, or not."""

from __future__ import annotations

from minillama.data.stories.cast import Scene
from minillama.data.stories.lexicon import noun, phrases
from minillama.data.stories.narrators import Narrator
from minillama.data.stories.things import PATHS
from minillama.data.stories.words import Choice, Word

HOOK = (8, "journey", "It was time for an adventure.", "Era hora de uma aventura.")
GOALS = phrases(
    "goal",
    (5, "sea", "the sea", "o mar"),
    (4, "waterfall", "the great waterfall", "a grande cachoeira"),
    (3, "lighthouse", "the old lighthouse", "o velho farol"),
    (3, "rainbow", "the end of the rainbow", "o fim do arco-íris"),
    (2, "stones", "the singing stones", "as pedras cantantes"),
    (2, "volcano", "the sleeping volcano", "o vulcão adormecido"),
    (1, "whales", "the whales", "as baleias"),
)


def _gear(en: str, pt: str, gender: str, effect: tuple[str, str], pt_s: str = "") -> Word:
    """Return something to pack and the good it does in its own weather."""
    word = noun(en, pt, gender, pt_s=pt_s or pt)
    word.forms["en"]["good"], word.forms["pt"]["good"] = effect
    return word


UMBRELLA = _gear("umbrella", "guarda-chuva", "m", ("nobody got wet", "ninguém se molhou"))
QUILT = _gear("quilt", "acolchoado", "m", ("nobody shivered", "ninguém tremeu"))
PARASOL = _gear("parasol", "guarda-sol", "m", ("nobody was burnt", "ninguém se queimou"))
LAMP = _gear("lamp", "lanterna", "f", ("nobody got lost", "ninguém se perdeu"))
GEAR = Choice("gear", {UMBRELLA: 4, QUILT: 3, PARASOL: 2, LAMP: 2})


def _weather(key: str, gear: Word, en: tuple[str, str], pt: tuple[str, str]) -> Word:
    return Word(key, {"": en[0], "harm": en[1]}, {"": pt[0], "harm": pt[1]}, gear=gear)


WEATHER = Choice(
    "weather",
    {
        _weather("rain", UMBRELLA, ("it began to pour", "soaked to the skin"), ("caiu um temporal", "com água até os ossos")): 4,
        _weather("frost", QUILT, ("an icy wind rose", "blue with cold"), ("veio um vento gelado", "com os dentes batendo")): 3,
        _weather("heat", PARASOL, ("the sun began to blaze", "red as tomatoes"), ("o sol começou a arder", "com a cara de tomate")): 3,
        _weather("fog", LAMP, ("a thick fog fell", "hopelessly lost"), ("baixou uma névoa espessa", "sem saber onde estavam")): 2,
    },
)  # fmt: skip
MARVELS = phrases(
    "marvel",
    (4, "bigger", "much bigger than in books", "como em nenhum livro"),
    (3, "quiet", "so lovely that they forgot to speak", "de deixar qualquer um sem fala"),
    (2, "song", "humming like a hundred bees", "zumbindo feito cem abelhas"),
    (1, "small", "a little smaller than expected, but kind", "sem o tamanho prometido, mas com muita graça"),
)


def tell(t: Narrator, s: Scene) -> str:
    """Go, meet the weather, arrive, come back."""
    a, b = s.a, s.b
    goal, gear = t.say(
        "{a} and {b} wanted to see {goal}, and {b} packed {gear:a}.",
        "{a} e {b} queriam ver {goal}, e {b} levou {gear:um}.",
        a=a,
        b=b,
        goal=GOALS,
        gear=GEAR,
    )
    p1 = t.say("They went {p}", "Foram {p}", p=PATHS)
    p2 = t.say(", {p}", ", {p}", p=PATHS.without(p1))
    p3 = t.say("and {p}.", "e {p}.", p=PATHS.without(p1, p2))
    weather = t.say("Suddenly {weather}.", "De repente {weather}.", weather=WEATHER)
    words = {"a": a, "b": b, "gear": gear, "weather": weather, "p1": p1, "p2": p2, "p3": p3, "goal": goal}
    fits = weather.gear is gear
    if fits:
        t.say(
            "[rule:Luckily there was] {gear:the}[rule:, and] {gear:good!rule}.",
            "[rule:Por sorte havia] {gear:o}[rule:, e] {gear:good!rule}.",
            **words,
        )
    else:
        t.say(
            "{gear:The} [rule:was no help, and soon they were] {weather:harm!rule}.",
            "{gear:O} [rule:não ajudou em nada, e logo estavam] {weather:harm!rule}.",
            **words,
        )
    t.note(goal=goal.key, kindness=0)
    t.ask("copy", ("What did {b} pack?", "O que {b} levou?"), ("{gear:a}", "{gear:um}"), b=b, gear=gear)
    gave_up = not fits and t.ways(
        "resolve",
        (2, "on", '"Onward!" cried {a}.', '"Em frente!", gritou {a}.'),
        (1, "back", '"Let us turn back," sighed {a}.', '"Vamos voltar", suspirou {a}.'),
        a=a,
    ) == "back"  # fmt: skip
    if not gave_up:
        t.say(
            "At last they saw {goal}, {marvel}!", "Por fim viram {goal}, {marvel}!", goal=goal, marvel=MARVELS
        )
    t.say(
        "They walked home the way they had come: {p3!rule}, {p2!rule} [rule:and] {p1!rule}.",
        "Voltaram pelo mesmo caminho: {p3!rule}, {p2!rule} [rule:e] {p1!rule}.",
        **words,
    )
    t.ask(
        "rule",
        ("Which way did they take last on the way home?", "Qual foi o último trecho da volta?"),
        ("{p1}", "{p1}"),
        p1=p1,
    )
    if gave_up:
        t.say(
            "[ending:Nobody saw] {goal} [ending:that day.]",
            "[ending:Naquele dia ninguém viu] {goal}.",
            goal=goal,
        )
        return "sad"
    return "happy"
