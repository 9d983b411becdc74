"""A seed, a summer and some care: what grows follows from the weather and from what was done."""

from __future__ import annotations

from minillama.data.stories.cast import Scene
from minillama.data.stories.lexicon import amount, amounts, noun, phrases
from minillama.data.stories.narrators import Narrator
from minillama.data.stories.words import Choice, Word

HOOK = (7, "garden", "In spring {a} dug a little hole.", "Na primavera {a} fez um buraquinho na terra.")


def _seed(key: str, en: str, pt: str, gender: str, fruit: Word, plant: tuple[str, str]) -> Word:
    word = noun(key, pt, gender)
    word.forms["en"].update({"": en, "plant": plant[0]})
    word.forms["pt"].update({"": pt, "plant": plant[1]})
    word.__dict__["fruit"] = fruit
    return word


SEEDS = Choice(
    "seed",
    {
        _seed(
            "bean", "a bean", "um feijão", "m", noun("pod", "vagem", "f"), ("a bean plant", "um pé de feijão")
        ): 5,
        _seed(
            "pumpkin",
            "a pumpkin seed",
            "uma semente de abóbora",
            "f",
            noun("pumpkin", "abóbora", "f"),
            ("a pumpkin plant", "um pé de abóbora"),
        ): 4,
        _seed(
            "tomato",
            "a tomato seed",
            "uma semente de tomate",
            "f",
            noun("tomato", "tomate", "m", "tomatoes"),
            ("a tomato plant", "um pé de tomate"),
        ): 3,
        _seed(
            "pea",
            "a pea",
            "uma ervilha",
            "f",
            noun("pea", "ervilha", "f"),
            ("a pea plant", "um pé de ervilha"),
        ): 2,
        _seed(
            "melon",
            "a melon seed",
            "uma semente de melão",
            "f",
            noun("melon", "melão", "m"),
            ("a melon plant", "um pé de melão"),
        ): 2,
        _seed(
            "rose",
            "a rose hip",
            "um broto de roseira",
            "m",
            noun("rose", "rosa", "f"),
            ("a rose bush", "uma roseira"),
        ): 1,
    },
)
HEIGHTS = phrases(
    "height",
    (4, "fence", "as high as the fence", "da altura da cerca"),
    (3, "door", "as high as the door", "da altura da porta"),
    (2, "chimney", "as high as the chimney", "da altura da chaminé"),
    (1, "cloud", "up to the first cloud", "que ia até a primeira nuvem"),
)


def tell(t: Narrator, s: Scene) -> str:
    """Sow, wait, harvest or not."""
    a, b = s.a, s.b
    seed = t.say("{a:He} put in {seed} and covered it up.", "Pôs ali {seed} e cobriu bem.", a=a, seed=SEEDS)
    sky = t.ways(
        "summer",
        (3, "dry", "The summer was long and dry.", "O verão foi longo e seco."),
        (2, "wet", "The summer brought soft warm rain.", "O verão trouxe uma chuva morna e mansa."),
    )
    care = t.ways(
        "care",
        (4, "water", "Every evening {a} came with a watering can.", "Toda tarde {a} vinha com o regador."),
        (
            2,
            "forget",
            "{a} played by the brook and forgot the garden.",
            "{a} brincou no riacho e esqueceu a horta.",
        ),
        (
            2,
            "dig",
            "Every morning {a} dug it up to see how far it was.",
            "Toda manhã {a} desenterrava tudo para espiar.",
        ),
        a=a,
    )
    words = {"a": a, "b": b, "seed": seed}
    t.note(thing=seed.key, kindness=0)
    t.ask("copy", ("What did {a} plant?", "O que {a} plantou?"), ("{seed}", "{seed}"), a=a, seed=seed)
    if care == "dig" or (care == "forget" and sky == "dry"):
        t.ask("rule", ("Did it grow?", "A planta cresceu?"), ("no", "não"))
        if care == "dig":
            t.say(
                "[rule:A seed cannot sleep like that, and it never grew.]",
                "[rule:Semente nenhuma dorme assim, e nada nasceu.]",
            )
        else:
            t.say(
                "[rule:There was no water, and it dried up in the ground.]",
                "[rule:Faltou água, e tudo secou na terra.]",
            )
        turn = t.ways(
            "comfort",
            (
                2,
                "comfort",
                '"Next year we do it together," said {b}.',
                '"Ano que vem a gente planta junto", disse {b}.',
            ),
            (3, "bare", "In autumn there was nothing but bare earth.", "No outono só havia terra nua."),
            b=b,
        )
        if turn == "bare":
            t.say(
                "{a} [ending:sat beside it for a long time.]",
                "{a} [ending:ficou ali do lado por muito tempo.]",
                a=a,
            )
            return "sad"
        t.note(kindness=1)
        t.say(
            "[ending:And] {b} [ending:held out a new seed.]",
            "[ending:E] {b} [ending:mostrou uma semente nova.]",
            b=b,
        )
        return "happy"
    t.ask("rule", ("Did it grow?", "A planta cresceu?"), ("yes", "sim"))
    height = t.say(
        "[rule:By autumn it had become] {seed:plant!rule}, {height}.",
        "[rule:No outono tinha virado] {seed:plant!rule} {height}.",
        seed=seed,
        height=HEIGHTS,
    )
    t.ask("copy", ("How high did it grow?", "Que altura a planta tinha?"), ("{h}", "{h}"), h=height)
    return harvest(t, words, seed.fruit)


def harvest(t: Narrator, words: dict[str, Word], fruit: Word) -> str:
    """Count what hangs on it, and give some of it away."""
    n = t.say("It bore {n}.", "Deu {n}.", n=amounts("harvest", 4, 12, fruit))
    k = t.say(
        "{a} gave {k:n} of them to {b}",
        "{a} deu {k:n} a {b}",
        k=amounts("given", 1, n.value - 1, fruit),
        a=words["a"],
        b=words["b"],
    )
    left = amount(n.value - k.value, fruit)
    t.say("[counting:and kept] {left:n!counting}.", "[counting:e ficou com] {left:n!counting}.", left=left)
    t.note(kindness=2)
    t.ask(
        "counting",
        ("How many did {a} keep?", "Com quant{fruit:-os} {a} ficou?"),
        ("{left:n}", "{left:n}"),
        a=words["a"],
        fruit=fruit,
        left=left,
    )
    return "happy"
