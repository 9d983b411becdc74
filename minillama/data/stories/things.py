"""What there is in the story world: homes, rooms, things to lose, to give, to eat, to break, to wear."""

from __future__ import annotations

from minillama.data.stories.lexicon import adjectives, noun, nouns, phrases
from minillama.data.stories.words import Choice, Word


def _home(en: str, where: str, pt: str, gender: str, onde: str) -> Word:
    word = noun(en, pt, gender)
    word.forms["en"]["in"], word.forms["pt"]["in"] = where, onde
    return word


HOMES = Choice(
    "home",
    {
        _home("village", "in a village by the sea", "vila", "f", "numa vila à beira-mar"): 6,
        _home("forest", "in a deep green forest", "floresta", "f", "numa floresta verde e funda"): 6,
        _home("valley", "in a quiet valley", "vale", "m", "num vale tranquilo"): 5,
        _home("farm", "on an old farm", "fazenda", "f", "numa fazenda antiga"): 4,
        _home("island", "on a small island", "ilha", "f", "numa ilha pequena"): 4,
        _home("hill", "on a sunny hill", "colina", "f", "numa colina ensolarada"): 3,
        _home("town", "in a crooked little town", "cidade", "f", "numa cidadezinha torta"): 3,
        _home("meadow", "in a meadow full of flowers", "campo", "m", "num campo cheio de flores"): 2,
        _home("harbour", "in a busy harbour", "porto", "m", "num porto movimentado"): 2,
        _home("castle", "behind an empty castle", "castelo", "m", "atrás de um castelo vazio"): 1,
        _home("windmill", "near a white windmill", "moinho", "m", "perto de um moinho branco"): 1,
        _home("mountain", "below a snowy mountain", "montanha", "f", "ao pé de uma montanha nevada"): 1,
    },
)

COLOURS = adjectives(
    "colour",
    (6, "red", "vermelho"),
    (5, "blue", "azul"),
    (4, "green", "verde"),
    (3, "yellow", "amarelo"),
    (2, "purple", "roxo"),
    (2, "white", "branco"),
    (1, "orange", "laranja"),
    (1, "pink", "rosa", "rosa"),
)
WEAR = nouns(
    "wear",
    (6, "scarf", "cachecol", "m", "scarves"),
    (5, "hat", "chapéu", "m"),
    (4, "apron", "avental", "m"),
    (3, "waistcoat", "colete", "m"),
    (3, "cape", "capa", "f"),
    (2, "bow", "laço", "m"),
    (2, "beret", "boina", "f"),
    (1, "sweater", "suéter", "m", "sweaters", "suéteres"),
)

QUALITIES = adjectives(
    "quality",
    (5, "new", "novo"),
    (5, "favourite", "favorito"),
    (4, "shiny", "brilhante"),
    (3, "striped", "listrado"),
    (2, "golden", "dourado"),
    (2, "tiny", "minúsculo"),
    (1, "precious", "precioso"),
)
NEW = QUALITIES.without(QUALITIES.words[QUALITIES.index["favourite"]])  # for what nobody knows yet
LOSABLE = nouns(
    "thing",
    (6, "ball", "bola", "f"),
    (6, "kite", "pipa", "f"),
    (5, "ring", "anel", "m"),
    (4, "slipper", "chinelo", "m"),
    (4, "whistle", "apito", "m"),
    (3, "glove", "luva", "f"),
    (3, "button", "botão", "m"),
    (3, "marble", "bolinha de gude", "f", "", "bolinhas de gude"),
    (2, "paper boat", "barquinho de papel", "m", "", "barquinhos de papel"),
    (2, "necklace", "colar", "m"),
    (1, "spinning top", "pião", "m"),
)


def _used(en: str, pt: str, gender: str, used: str, usou: str) -> Word:
    word = noun(en, pt, gender)
    word.forms["en"]["used"], word.forms["pt"]["used"] = used, usou
    return word


# Each has its own way of being used, which tells it again without naming it afresh.
TREASURES = Choice(
    "treasure",
    {
        _used("bell", "sino", "m", "rang the bell", "tocou o sino"): 6,
        _used("book", "livro", "m", "read the book", "leu o livro"): 6,
        _used("drum", "tambor", "m", "beat the drum", "bateu o tambor"): 5,
        _used("flute", "flauta", "f", "played the flute", "tocou a flauta"): 5,
        _used("lantern", "lampião", "m", "sat by the lantern", "ficou perto do lampião"): 4,
        _used("mirror", "espelho", "m", "looked into the mirror", "olhou no espelho"): 4,
        _used("umbrella", "guarda-chuva", "m", "danced under the umbrella", "dançou com o guarda-chuva"): 3,
        _used("spoon", "colher", "f", "stirred soup with the spoon", "mexeu a sopa com a colher"): 3,
        _used("map", "mapa", "m", "studied the map", "estudou o mapa"): 3,
        _used("ladder", "escada", "f", "sat on the ladder", "ficou em cima da escada"): 2,
        _used("blanket", "cobertor", "m", "slept under the blanket", "dormiu debaixo do cobertor"): 2,
        _used("sledge", "trenó", "m", "rode on the sledge", "andou de trenó"): 2,
        _used("feather", "pena", "f", "wrote with the feather", "escreveu com a pena"): 1,
        _used("trumpet", "corneta", "f", "blew the trumpet", "soprou a corneta"): 1,
    },
)

FRUITS = nouns(
    "fruit",
    (6, "apple", "maçã", "f"),
    (5, "plum", "ameixa", "f"),
    (5, "pear", "pera", "f"),
    (4, "cherry", "cereja", "f"),
    (4, "nut", "noz", "f"),
    (3, "strawberry", "morango", "m"),
    (3, "fig", "figo", "m"),
    (2, "peach", "pêssego", "m"),
    (2, "chestnut", "castanha", "f"),
    (1, "lemon", "limão", "m"),
)
SWEETS = nouns(
    "sweet",
    (4, "biscuit", "biscoito", "m"),
    (3, "candy", "bala", "f"),
    (3, "bun", "pãozinho", "m", "", "pãezinhos"),
    (2, "lollipop", "pirulito", "m"),
    (1, "waffle", "waffle", "m"),
)
COIN = noun("coin", "moeda", "f")
PIECE = noun("piece", "pedaço", "m")
CANDLE = noun("candle", "vela", "f")
YEAR = noun("year", "ano", "m")

BOXES = nouns(
    "container",
    (5, "box", "caixa", "f"),
    (5, "basket", "cesta", "f"),
    (4, "teapot", "bule", "m"),
    (3, "jar", "pote", "m"),
    (3, "boot", "bota", "f"),
    (2, "bucket", "balde", "m"),
    (2, "suitcase", "mala", "f"),
    (1, "violin case", "estojo de violino", "m", "", "estojos de violino"),
)
ROOMS = nouns(
    "room",
    (5, "kitchen", "cozinha", "f"),
    (5, "attic", "sótão", "m"),
    (4, "cellar", "porão", "m"),
    (3, "barn", "celeiro", "m"),
    (3, "pantry", "despensa", "f"),
    (2, "stable", "estábulo", "m"),
    (2, "workshop", "oficina", "f"),
    (1, "library", "biblioteca", "f"),
)
FRAGILE = nouns(
    "fragile thing",
    (5, "vase", "vaso", "m"),
    (5, "teacup", "xícara", "f"),
    (4, "plate", "prato", "m"),
    (3, "lamp", "lâmpada", "f"),
    (2, "honey pot", "pote de mel", "m", "", "potes de mel"),
    (2, "music box", "caixa de música", "f", "", "caixas de música"),
    (1, "snow globe", "globo de neve", "m", "", "globos de neve"),
)


def _grocery(en: str, pt: str, article: str) -> Word:
    return Word(en, {"": en}, {"": pt, "o": f"{article} {pt}"})


GROCERIES = Choice(
    "grocery",
    {
        _grocery("bread", "pão", "o"): 5,
        _grocery("cheese", "queijo", "o"): 5,
        _grocery("soap", "sabão", "o"): 4,
        _grocery("tea", "chá", "o"): 4,
        _grocery("thread", "linha", "a"): 3,
        _grocery("rice", "arroz", "o"): 3,
        _grocery("pepper", "pimenta", "a"): 3,
        _grocery("matches", "fósforos", "os"): 2,
        _grocery("wool", "lã", "a"): 2,
        _grocery("ink", "tinta", "a"): 2,
        _grocery("string", "barbante", "o"): 1,
        _grocery("glue", "cola", "a"): 1,
    },
)
PATHS = phrases(
    "path",
    (5, "bridge", "over the bridge", "pela ponte"),
    (5, "woods", "through the woods", "pelo bosque"),
    (4, "mill", "past the mill", "pelo moinho velho"),
    (4, "river", "along the river", "pela margem do rio"),
    (3, "field", "across the field", "pelo trigal"),
    (3, "tunnel", "through the tunnel", "pelo túnel"),
    (2, "church", "past the church", "pela igreja"),
    (2, "wall", "along the stone wall", "pelo muro de pedra"),
    (1, "swamp", "around the swamp", "pela beira do pântano"),
    (1, "orchard", "through the orchard", "pelo pomar"),
)
