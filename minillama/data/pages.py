"""Made-up web pages, a stand-in for Common Crawl: it needs no connection, and we know what is in it.

Page number i of a seed is a pure function of both. Most pages wrap prose in what the web wraps it in: menus,
banners, related links, a footer. Others are what a filter is for. And some are copies of earlier pages, in
another wrapping, exact or with some words changed: the planted duplicates, of which `Page.copy_of` tells.

    kind          share   what it is
    story          30 %   stories of the world in `stories`
    reference      14 %   dry prose about places, as an encyclopaedia would cite
    chatter        14 %   reviews by happy and unhappy customers
    foreign        10 %   stories in Portuguese
    copy           16 %   an earlier page, half of them exact, half with some words changed
    menu, spam, stub, symbols, lorem   16 %   links, keywords, "coming soon", code, lorem ipsum

Left out: everything ugly about the real web that cannot be written in two hundred lines.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from html import escape
from random import Random

from .stories import Stories

KINDS: dict[str, float] = {
    "story": 0.30,
    "reference": 0.14,
    "chatter": 0.14,
    "foreign": 0.10,
    "copy": 0.16,
    "menu": 0.04,
    "spam": 0.04,
    "stub": 0.04,
    "symbols": 0.02,
    "lorem": 0.02,
}
"""Kinds of page, and their shares."""

PROSE = ("story", "reference", "chatter", "foreign")
LARGEST_EDIT = 0.1  # share of words that a near copy has changed, at most


@dataclass(frozen=True)
class Page:
    """A page, and the truth about it.

    Attributes
    ----------
    html : str
    kind : str
        One of `KINDS`; of a copy, that of its original.
    paragraphs : tuple of str
        The prose in it; empty if it has none.
    copy_of : int or None
        Number of the page whose prose it copies.
    edited : float
        Share of words changed in the copy.
    """

    html: str
    kind: str
    paragraphs: tuple[str, ...]
    copy_of: int | None = None
    edited: float = 0.0


def page(seed: int, number: int) -> Page:
    """Return page number `number` of the crawl `seed`.

    Examples
    --------
    >>> page(0, 3) == page(0, 3)
    True
    """
    rng = Random(f"page {seed} {number}")
    kind = rng.choices(list(KINDS), list(KINDS.values()))[0]
    if kind == "copy":
        made = _copy(seed, number, rng)
        if made is not None:
            return made
        kind = "story"
    paragraphs = _prose(kind, rng) if kind in PROSE else ()
    return Page(_wrapped(paragraphs or _junk(kind, rng), rng), kind, tuple(paragraphs))


def pages(seed: int, count: int) -> Iterator[Page]:
    """Return pages 0 to `count` - 1 of a crawl, one after another."""
    return (page(seed, number) for number in range(count))


def reference_text(seed: int, number: int) -> str:
    """Return a text of the kind `reference`, without a page around it."""
    return "\n".join(_reference(Random(f"reference {seed} {number}")))


def _copy(seed: int, number: int, rng: Random) -> Page | None:
    """Copy the prose of an earlier page that is no copy itself; None if none is found nearby."""
    for _ in range(8):
        if number == 0:
            return None
        original = rng.randrange(number)
        kind = Random(f"page {seed} {original}").choices(list(KINDS), list(KINDS.values()))[0]
        if kind in PROSE:
            source = page(seed, original)
            edited = 0.0 if rng.random() < 0.5 else rng.uniform(0.005, LARGEST_EDIT)
            paragraphs = tuple(_edit(text, edited, rng) for text in source.paragraphs)
            html = _wrapped(paragraphs, rng)
            return replace(source, html=html, paragraphs=paragraphs, copy_of=original, edited=edited)
    return None


def _edit(text: str, share: float, rng: Random) -> str:
    """Replace a share of the words by others of the same text."""
    words = text.split()
    others = list(words)
    for place in rng.sample(range(len(words)), round(share * len(words))):
        words[place] = rng.choice(others)
    return " ".join(words)


def _prose(kind: str, rng: Random) -> list[str]:
    if kind == "reference":
        return _reference(rng)
    if kind == "chatter":
        return _chatter(rng)
    stories = Stories(rng.randrange(1 << 62), "pt" if kind == "foreign" else "en")
    return [stories.sample().text for _ in range(rng.randint(2, 4))]


_RIVERS = ("Alder", "Bourne", "Coln", "Derwent", "Eden", "Frome", "Glyme", "Hodder", "Isbourne", "Kennet")
_PLACES = ("Ashby", "Burwell", "Corfe", "Denholm", "Elstow", "Fenwick", "Garsdale", "Holt", "Ilmer", "Jarrow")
_STONES = ("limestone", "sandstone", "granite", "chalk", "slate", "basalt")
_TRADES = ("wool", "salt", "tin", "paper", "leather", "lace", "barley", "glass")
_THINGS = (
    "kettle",
    "lamp",
    "backpack",
    "keyboard",
    "blender",
    "tent",
    "pillow",
    "drill",
    "umbrella",
    "watch",
)
_MOODS = ("love", "really like", "am so happy with", "regret", "can not recommend", "returned")


def _reference(rng: Random) -> list[str]:
    """Write three paragraphs about a river and the town on it."""
    river, town, other = rng.choice(_RIVERS), *rng.sample(_PLACES, 2)
    year = rng.randint(1080, 1890)
    first = (
        f"The {river} is a river in the district of {town}. It rises at {rng.randint(120, 900)} metres above"
        f" the sea, on the {rng.choice(_STONES)} hills west of {other}, and flows for {rng.randint(9, 140)}"
        f" kilometres to the coast. Its basin covers {rng.randint(40, 2900)} square kilometres."
    )
    second = (
        f"The town of {town} was first recorded in {year}, when a market for {rng.choice(_TRADES)} was"
        f" granted to it. In {year + rng.randint(12, 90)} the bridge was rebuilt of {rng.choice(_STONES)},"
        f" and by {year + rng.randint(100, 130)} the parish had {rng.randint(200, 9000)} inhabitants that"
        f" lived by {rng.choice(_TRADES)} and {rng.choice(_TRADES)}."
    )
    third = (
        f"The valley is known to geologists for its beds of {rng.choice(_STONES)}, which were described in"
        f" {rng.randint(1801, 1930)}. Floods have been measured at {other} since {rng.randint(1840, 1960)};"
        f" the highest of them stood {rng.randint(2, 7)} metres above the mean level of the river."
    )
    return [first, second, third]


def _chatter(rng: Random) -> list[str]:
    """Write a customer's review in three paragraphs."""
    thing, other = rng.sample(_THINGS, 2)
    friend = rng.choice(["sister", "neighbour", "boss", "dad", "best friend", "roommate"])
    first = (
        f"So I bought this {thing} {rng.choice(['last week', 'on sale', 'two months ago'])} and I"
        f" {rng.choice(_MOODS)} it!!! {rng.choice(['OMG', 'Honestly', 'Wow', 'Seriously'])}, you have to see"
        f" it. My {friend} has the {other} from the same shop and wants to have this {thing} too."
    )
    second = (
        f"Shipping took {rng.randint(2, 30)} days and the box was"
        f" {rng.choice(['dented', 'fine', 'huge', 'wet'])}. I wrote to support and they were"
        f" {rng.choice(['super nice', 'no help at all', 'ok I guess'])}."
        f" {rng.randint(1, 5)} stars from me, and that is with the discount code I got for my {other}!"
    )
    third = (
        f"Would I buy it again? {rng.choice(['Yes', 'No', 'Maybe'])}! If you are looking for a {thing}, be"
        f" quick, the price goes up {rng.choice(['tonight', 'tomorrow', 'on Monday'])}. Click like if this"
        f" helped you, and tell me about your {other} down in the comments!"
    )
    return [first, second, third]


def _junk(kind: str, rng: Random) -> list[str]:
    """Make what is no prose."""
    if kind == "menu":
        return [f"{rng.choice(_PLACES)} {rng.choice(_THINGS)}s" for _ in range(60)]
    if kind == "spam":
        words = rng.sample(_THINGS, 3)
        return [" ".join([f"buy cheap {word} online best price {word} discount" for word in words] * 8)] * 2
    if kind == "symbols":
        lines = [f"if (x{k} > {rng.randrange(99)}) {{ y[{k}] = x{k} #; }}" for k in range(40)]
        return [" ".join(lines)]
    if kind == "lorem":
        return ["Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor. " * 9]
    return ["This page is coming soon. Have a look at the archive, or come back later."]


def _wrapped(paragraphs: tuple[str, ...] | list[str], rng: Random) -> str:
    """Put a page around paragraphs: as untidy as rng wants it."""
    name, link = rng.choice(_PLACES), lambda text: f'<a href="/{rng.randrange(10**6)}">{escape(text)}</a>'
    menu = "".join(f"<li>{link(text)}</li>" for text in ("Home", "News", "Shop", "About us", "Contact"))
    related = "".join(f"<li>{link(f'Ten {thing}s to see')}</li>" for thing in rng.sample(_THINGS, 4))
    outer, inner = rng.choice([("article", "p"), ("main", "p"), ("div", "p"), ("div", "div")])
    close = f"</{inner}>\n" if inner == "div" or rng.random() < 0.8 else "\n"  # a <p> needs no end
    body = "".join(f"<{inner}>{escape(text)}{close}" for text in paragraphs)
    banner = "We value your privacy. This site uses cookies to give you the best experience."
    return (
        f'<!doctype html><html><head><meta charset="utf-8"><title>{name} online</title>'
        f"<script>var t = {rng.randrange(10**9)};</script><style>p {{ margin: 1em }}</style></head>\n"
        f'<body><div class="cookie-banner">{banner} <button>Accept all</button></div>\n'
        f"<header><nav><ul>{menu}</ul></nav></header>\n"
        f'<{outer} class="content">\n{body}</{outer}>\n'
        f'<aside class="sidebar"><h3>You may also like</h3><ul>{related}</ul></aside>\n'
        f'<footer class="footer"><p>Copyright {rng.randint(2001, 2020)} {name} online.'
        " All rights reserved.</p></footer></body></html>"
    )
