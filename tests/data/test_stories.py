"""The story world as a yardstick: what is told is read back, and the probabilities are what they say."""

from __future__ import annotations

import re
from collections import Counter
from math import exp, fsum, log, sqrt
from random import Random
from time import perf_counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minillama.data.stories import LANGUAGES, LEVELS, Stories, StoryError
from minillama.data.stories.narrators import Sampler, Writer
from minillama.data.stories.parser import Parser
from minillama.data.stories.templates import Ways, decided, ways
from minillama.data.stories.words import Choice, Word, clashes

WORLDS = [(level, language) for level in LEVELS for language in LANGUAGES]
PER_WORLD = 10_000 // len(WORLDS) + 1


def told(seed: int, language: str, level: int, n: int) -> list[tuple[str, float]]:
    stories = Stories(seed, language, level)
    return [(story.text, story.nats) for story, _ in zip(stories, range(n), strict=False)]


@pytest.mark.parametrize(("level", "language"), WORLDS)
def test_every_sample_is_read_back_with_its_nats_and_translated(level: int, language: str) -> None:
    other = Stories(11, "pt" if language == "en" else "en", level)
    for text, nats in told(11, language, level, PER_WORLD):
        derivation = Stories.parse(text)
        assert (derivation.level, derivation.language) == (level, language)
        assert derivation.nats == pytest.approx(nats, abs=1e-9)
        assert fsum(-log(chosen.p) for chosen in derivation.choices) == pytest.approx(nats, abs=1e-9)
        assert derivation.render(language) == text
        assert derivation.render(other.language) == other.sample().text


@pytest.mark.parametrize("level", LEVELS)
def test_a_translation_has_the_same_derivation_and_nats(level: int) -> None:
    for text, nats in told(12, "en", level, 300):
        derivation = Stories.parse(text)
        translated = Stories.parse(derivation.render("pt"))
        assert translated.choices == derivation.choices
        assert translated.nats == pytest.approx(nats, abs=1e-9)


@pytest.mark.parametrize(("level", "language"), WORLDS)
def test_spans_cover_the_text_and_hold_its_nats(level: int, language: str) -> None:
    for text, nats in told(13, language, level, 300):
        spans = Stories.parse(text).spans
        assert [span.start for span in spans] == [0, *(span.end for span in spans[:-1])]
        assert spans[-1].end == len(text)
        assert all(span.start < span.end for span in spans)
        assert fsum(span.nats for span in spans) == pytest.approx(nats, abs=1e-9)
        assert all((span.nats > 0) == (span.skill == "choice") for span in spans)
        # A stretch begins with the space before it, so none ends with one.
        assert not any(text[span.start : span.end].endswith(" ") for span in spans)


@given(seed=st.integers(0, 2**63), world=st.sampled_from(WORLDS))
@settings(max_examples=150, deadline=None)
def test_any_seed_round_trips(seed: int, world: tuple[int, str]) -> None:
    level, language = world
    story = Stories(seed, language, level).sample()
    assert Stories.nats(story.text) == pytest.approx(story.nats, abs=1e-9)
    assert Stories(seed, language, level).sample() == story


@given(data=st.data(), seed=st.integers(0, 2**32), world=st.sampled_from(WORLDS))
@settings(max_examples=300, deadline=None)
def test_a_changed_word_is_rejected_or_is_another_story(
    data: st.DataObject, seed: int, world: tuple[int, str]
) -> None:
    level, language = world
    source = Stories(seed, language, level)
    text, other = source.sample().text, source.sample().text
    words = text.split(" ")
    place = data.draw(st.integers(0, len(words) - 1))
    words[place] = data.draw(st.sampled_from(other.split(" ")))
    changed = " ".join(words)
    if changed == text:
        return
    try:
        derivation = Stories.parse(changed)
    except StoryError:
        return
    assert derivation.choices != Stories.parse(text).choices
    assert derivation.render(derivation.language) == changed


@pytest.mark.parametrize(("level", "language"), WORLDS)
def test_no_story_begins_with_another(level: int, language: str) -> None:
    assert clashes({text for text, _ in told(14, language, level, 3000)}) == []


def test_no_story_begins_with_one_of_another_world() -> None:
    assert clashes({text for level, language in WORLDS for text, _ in told(15, language, level, 500)}) == []


@pytest.mark.parametrize("cut", [0, 1, 10, 60, -1])
def test_a_story_broken_off_is_no_story(cut: int) -> None:
    text = Stories(3, level=1).sample().text
    with pytest.raises(StoryError) as caught:
        Stories.nats(text[:cut])
    assert caught.value.position == len(text[:cut])
    assert caught.value.found == ""


def test_a_story_that_goes_on_is_no_story() -> None:
    text = Stories(3, level=1).sample().text
    with pytest.raises(StoryError, match="expected the end of the story") as caught:
        Stories.nats(text + " And then?")
    assert caught.value.position == len(text)


def test_the_error_says_where_what_was_expected_and_what_was_found() -> None:
    text = Stories(3, level=1).sample().text
    broken = text.replace("Once there was", "Once there were")
    with pytest.raises(StoryError) as caught:
        Stories.nats(broken)
    assert caught.value.position == len("Once there w")
    assert caught.value.expected == ("as ",)
    assert caught.value.found.startswith("ere ")
    assert "character 12" in str(caught.value)


def test_nats_and_parse_work_on_an_instance_of_any_level() -> None:
    source = Stories(5, "pt", level=1)
    story = source.sample()
    assert source.nats(story.text) == Stories.nats(story.text) == story.derivation.nats


@pytest.mark.error_contract
@pytest.mark.parametrize(
    ("language", "level", "message"), [("de", 1, "expected one of en, pt"), ("en", 9, "level 9")]
)
def test_unknown_worlds_are_refused(language: str, level: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Stories(0, language, level)


def test_no_other_language_to_render_in() -> None:
    with pytest.raises(ValueError, match="'fr' is unknown"):
        Stories(3, level=1).sample().derivation.render("fr")


def test_the_first_story_of_a_seed_is_the_same_everywhere() -> None:
    assert Stories(1, level=1).sample().text == FIRST_OF_LEVEL_1


FIRST_OF_LEVEL_1 = (
    "Once there was Mia, a shy little mouse. One windy morning she lost her blue kite. She looked behind "
    "the door. Nothing! She looked in the pond. There it was! Mia was shy, so she asked a frog for help. "
    "Soon the little mouse danced with her blue kite."
)


class Odometer(Writer):
    """Takes option 0 of every choice, and from one run to the next turns the last wheel that still turns."""

    def __init__(self, digits: list[int]) -> None:
        super().__init__("en")
        self.digits, self.sizes = digits, []

    def settle(self, choice: Choice) -> int:
        place = len(self.sizes)
        self.sizes.append(len(choice.words))
        if place == len(self.digits):
            self.digits.append(0)
        return self.digits[place]

    def turn(self) -> bool:
        while self.digits and self.digits[-1] + 1 == self.sizes[len(self.digits) - 1]:
            self.digits.pop()
        if self.digits:
            self.digits[-1] += 1
        return bool(self.digits)


@pytest.mark.slow
def test_level_1_counted_out_in_full() -> None:
    """Their probabilities sum to one, their texts differ, and sampling finds their entropy."""
    digits: list[int] = []
    texts: set[int] = set()
    nats: list[float] = []
    while True:
        teller = Odometer(digits)
        LEVELS[1](teller)
        nats.append(teller.nats)
        texts.add(hash(teller.text))
        if not teller.turn():
            break
    assert len(nats) == len(texts) == 276_480
    assert fsum(exp(-n) for n in nats) == pytest.approx(1, abs=1e-9)
    entropy = fsum(n * exp(-n) for n in nats)
    variance = fsum((n - entropy) ** 2 * exp(-n) for n in nats)
    sampled = [n for _, n in told(16, "en", 1, 5000)]
    assert abs(fsum(sampled) / 5000 - entropy) < 4 * sqrt(variance / 5000)


class Watcher(Sampler):
    """A sampler that keeps every choice it meets and counts what it draws."""

    met: dict[tuple[str, tuple[str, ...]], tuple[Choice, Counter[str]]]

    def settle(self, choice: Choice) -> int:
        i = super().settle(choice)
        key = (choice.name, tuple(choice.index))
        self.met.setdefault(key, (choice, Counter()))[1][choice.words[i].key] += 1
        return i


def test_probabilities_of_every_choice_sum_to_one() -> None:
    random, met = Random(17).random, {}
    for level in LEVELS:
        for _ in range(1000):
            watcher = Watcher(random, "en")
            watcher.met = met
            LEVELS[level](watcher)
    assert len(met) >= 10
    for choice, _ in met.values():
        assert fsum(choice.p) == pytest.approx(1, abs=1e-12)
        assert min(choice.p) > 0
        assert [exp(-n) for n in choice.nats] == pytest.approx(choice.p)


@pytest.mark.parametrize("level", LEVELS)
def test_options_are_drawn_as_often_as_stated(level: int) -> None:
    """Chi-square by choice, within five standard deviations of its mean."""
    random, met = Random(18).random, {}
    for _ in range(4000):
        watcher = Watcher(random, "en")
        watcher.met = met
        LEVELS[level](watcher)
    for choice, counts in met.values():
        n, k = counts.total(), len(choice.words)
        if k > 1 and n * min(choice.p) >= 5:
            square = fsum(
                (counts[w.key] - n * p) ** 2 / (n * p) for w, p in zip(choice.words, choice.p, strict=True)
            )
            assert square < k - 1 + 5 * sqrt(2 * (k - 1)), choice


def test_forms_that_are_not_prefix_free_are_refused() -> None:
    fox, foxglove = (Word(key, {"a": f"a {key}"}, {"um": key}) for key in ("fox", "foxglove"))
    with pytest.raises(AssertionError, match="not prefix-free"):
        Parser("I saw a foxglove.", "en").say(
            "I saw {thing:a}.", "Vi {thing:um}.", thing=Choice("thing", {fox: 1, foxglove: 1})
        )


def test_ways_that_are_not_prefix_free_are_refused() -> None:
    fork = Ways("end", (1, "a", "She slept.", "Dormiu."), (1, "b", "She slept. All was well.", "Bem."))
    with pytest.raises(AssertionError, match="not prefix-free"):
        fork.heads("en", {})


def test_the_deciding_stretch_of_a_head_is_whole_words() -> None:
    heads = (" She ran to the park.", " She ran to the pond.", " He hid.")
    assert [heads[i][slice(*decided(heads, i))] for i in range(3)] == [
        "She ran to the park",
        "She ran to the pond",
        "He",
    ]


def test_slots_are_parsed_in_spoken_and_recorded_in_canonical_order() -> None:
    red = Word("red", {"": "red"}, {"m": "vermelho", "f": "vermelha"})
    blue = Word("blue", {"": "blue"}, {"m": "azul", "f": "azul"})
    ball = Word("ball", {"": "ball"}, {"o": "a bola"}, "f")
    hat = Word("hat", {"": "hat"}, {"o": "o chapéu"}, "m")
    parser = Parser("Vi a bola vermelha.", "pt")
    colours, things = Choice("colour", {red: 1, blue: 3}), Choice("thing", {ball: 1, hat: 1})
    said = parser.say("I saw the {c} {x}.", "Vi {x:o} {c:@x}.", c=colours, x=things)
    assert said == (red, ball)
    assert [(chosen.name, chosen.option, chosen.p) for chosen in parser.choices] == [
        ("colour", "red", 0.25),
        ("thing", "ball", 0.5),
    ]


def test_templates_are_compiled_once() -> None:
    alternative = (1.0, "x", "Yes.", "Sim.")
    assert ways("w", (alternative,)) is ways("w", (alternative,))


def test_level_1_is_small() -> None:
    texts = [text for text, _ in told(19, "en", 1, 3000)]
    assert len({word for text in texts for word in re.findall(r"\w+", text.lower())}) <= 150
    assert 40 <= sum(len(text.split()) for text in texts) / len(texts) <= 55


@pytest.mark.parametrize("level", LEVELS)
def test_the_mean_of_nats_is_the_mean_of_the_entropies_on_the_way(level: int) -> None:
    """The chain rule: a story's entropy is the expected sum of the entropies of the choices that it meets."""
    random, differences = Random(20).random, []
    for _ in range(4000):
        teller = Entropies(random, "en")
        LEVELS[level](teller)
        differences.append(teller.nats - teller.entropy)
    n, mean = len(differences), fsum(differences) / len(differences)
    deviation = sqrt(fsum((d - mean) ** 2 for d in differences) / n)
    assert abs(mean) < 4 * deviation / sqrt(n)


class Entropies(Sampler):
    """A sampler that adds up the entropy of every choice it meets."""

    entropy = 0.0

    def settle(self, choice: Choice) -> int:
        self.entropy += fsum(p * n for p, n in zip(choice.p, choice.nats, strict=True))
        return super().settle(choice)


def test_level_3_has_more_than_a_thousand_million_stories() -> None:
    """The openings alone: no choice before the kind of story depends on another, but for being another."""
    fewest = min(openings(seed) for seed in range(200))
    assert fewest >= 10**9


def openings(seed: int) -> int:
    """Return the product of the numbers of options up to the choice of the kind of story."""
    counter = Sizes(Random(seed).random, "en")
    LEVELS[3](counter)
    return counter.product


class Sizes(Sampler):
    product, opening = 1, True

    def settle(self, choice: Choice) -> int:
        self.opening = self.opening and choice.name != "story"
        self.product *= len(choice.words) if self.opening else 1
        return super().settle(choice)


@pytest.mark.parametrize(("language", "least"), [("en", 800), ("pt", 800)])
def test_level_3_has_many_words(language: str, least: int) -> None:
    words = {word for text, _ in told(21, language, 3, 3000) for word in re.findall(r"\w+", text.lower())}
    assert len(words) >= least


def test_every_option_of_every_way_is_reached_somewhere() -> None:
    random, met = Random(22).random, {}
    for _ in range(6000):
        watcher = Watcher(random, "en")
        watcher.met = met
        LEVELS[3](watcher)
    for choice, counts in met.values():
        if counts.total() > 200 / min(choice.p):
            assert set(counts) == set(choice.index), choice


@pytest.mark.parametrize("level", LEVELS)
def test_telling_is_fast_enough_to_feed_a_training_run(level: int) -> None:
    """A tenth of the speed that one quiet core reaches, so that a busy machine passes too."""
    source = Stories(23, level=level)
    source.sample()
    start = perf_counter()
    for _ in range(300):
        source.sample()
    assert 300 / (perf_counter() - start) > {1: 1000, 2: 500, 3: 300}[level]
