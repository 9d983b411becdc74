"""Instructions, questions and rewards, checked by readers of their own that know nothing of the parser."""

from __future__ import annotations

import re
from collections import defaultdict
from itertools import permutations
from random import Random

import pytest

from minillama.data.stories import LANGUAGES, LEVELS, Derivation, Stories
from minillama.data.stories.tasks import THEMES, Question, Requests, Reward, instruction, questions, reward

NUMBERS = [
    "none",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
]


def number(word: str) -> int:
    return NUMBERS.index(word.lower())


@pytest.fixture(scope="module")
def by_kind() -> dict[str, list[Derivation]]:
    found = defaultdict(list)
    source = Stories(31)
    for _ in range(4000):
        derivation = source.sample().derivation
        found[derivation.facts["story"]].append(derivation)
    return found


def answer(story: Derivation, question: str) -> str:
    """Return the answer to the one question that begins like this."""
    (found,) = [q.answer for q in questions(story) if q.text.startswith(question)]
    return found


def test_every_kind_of_story_is_told_in_60_to_150_words(by_kind: dict[str, list[Derivation]]) -> None:
    assert set(by_kind) <= set(THEMES)
    assert len(by_kind) == 15
    lengths = [len(story.text.split()) for stories in by_kind.values() for story in stories]
    assert 60 <= min(lengths) <= max(lengths) <= 150


def test_who_has_the_presents(by_kind: dict[str, list[Derivation]]) -> None:
    for story in by_kind["presents"]:
        has = {}
        for who, thing in re.findall(r"(\w+) had an? (\w+)", story.text):
            has[thing] = who
        for giver, thing, taker in re.findall(r"(\w+) gave the (\w+) to (\w+)", story.text):
            assert has[thing] == giver
            has[thing] = taker
        for thing, who in has.items():
            assert answer(story, f"Who has the {thing}") == who


def test_where_the_hidden_thing_is(by_kind: dict[str, list[Derivation]]) -> None:
    for story in by_kind["hidden"]:
        before = re.search(r"stood in the (\w+)", story.text)
        after = re.search(r"Meanwhile .*? (?:to|in) the (\w+)\.", story.text)
        assert before
        assert after
        assert answer(story, "In which room") == f"in the {after[1]}"
        seen = "saw it all" in story.text
        assert answer(story, "Where did") == f"in the {(after if seen else before)[1]}"


def test_who_can_fetch_what_is_lost(by_kind: dict[str, list[Derivation]]) -> None:
    gifts = {
        "climb": "cat bear goat monkey squirrel",
        "fly": "owl swallow bee crow sparrow",
        "swim": "duck turtle otter beaver toad",
        "dig": "fox rabbit mouse wolf dog badger",
    }
    needs = {"oak|barn|tower": "climb fly", "pond|lake|well": "swim", "beech|earth|sand": "dig"}
    fears = {"deep water": "swim", "heights": "climb fly", "the dark": "dig", "thunder": "", "geese": ""}
    for story in by_kind["lost"]:
        spot = answer(story, "Where was")
        (need,) = [need for words, need in needs.items() if re.search(words, spot)]
        can = {kind for gift in need.split() for kind in gifts[gift].split()}
        hero, friend = story.facts["hero"], story.facts["friend"]
        fear = re.search(r"was afraid of ([\w ]+)\.", story.text)
        assert fear
        if story.facts["hero_kind"] in can:
            who = hero
        elif story.facts["friend_kind"] in can and not set(fears[fear[1]].split()) & set(need.split()):
            who = friend
        else:
            came = re.search(r"Luckily an? (\w+) came by", story.text)
            assert came
            who = f"the {came[1]}"
        assert answer(story, "Who fetched") == who


def test_sums_of_the_harvest(by_kind: dict[str, list[Derivation]]) -> None:
    asked = 0
    for story in by_kind["sharing"]:
        picked = re.search(r"picked (\w+) \w+, and \w+ picked (\w+)", story.text)
        assert picked
        n, m = map(number, picked.groups())
        given = re.search(r"So \w+ gave \w+ (\w+) of", story.text)
        for question in questions(story):
            if question.text.endswith("together?"):
                assert number(question.answer) == n + m
            elif question.skill == "counting":
                assert given
                k = number(given[1])
                hero = f"{story.facts['hero']} have" in question.text
                assert number(question.answer) == (n - k if hero else m + k)
            asked += question.skill == "counting"
    assert asked > 100


def test_coins_at_the_market(by_kind: dict[str, list[Derivation]]) -> None:
    for story in by_kind["market"]:
        purse = re.search(r"had (\w+) coins", story.text)
        price = re.search(r'"(\w+) coins?!"', story.text)
        assert purse
        assert price
        rest = number(purse[1]) - number(price[1])
        counted = [q for q in questions(story) if q.skill == "counting"]
        assert [number(q.answer) for q in counted] == ([abs(rest)] if rest else [])
        assert all(("lacking" in q.text) == (rest < 0) for q in counted)


def test_the_winner_of_the_race(by_kind: dict[str, list[Derivation]]) -> None:
    for story in by_kind["race"]:
        facts = re.findall(r"(\w+) was faster than (\w+)", story.text)
        slower = re.findall(r"(\w+) was faster than \w+, but not as fast as (\w+)", story.text)
        facts += [(fast, slow) for slow, fast in slower]
        people = sorted({who for fact in facts for who in fact})
        (order,) = [o for o in permutations(people) if all(o.index(x) < o.index(y) for x, y in facts)]
        assert answer(story, "Who was the fastest") == order[0]
        passed = "nap" in story.text or "turned back" in story.text
        assert answer(story, "Who won") == order[1 if passed else 0]


def test_who_ends_up_with_what_was_swapped(by_kind: dict[str, list[Derivation]]) -> None:
    for story in by_kind["swaps"]:
        swaps = re.findall(r"met an? (\w+) and swapped the (\w+) for an? (\w+)", story.text)
        has = {old: who for who, old, _ in swaps}
        assert answer(story, "What does") == f"the {swaps[-1][2]}"
        assert answer(story, f"Who has the {swaps[1][1]}") == f"the {has[swaps[1][1]]}"


def test_what_was_forgotten(by_kind: dict[str, list[Derivation]]) -> None:
    for story in by_kind["errand"]:
        wanted = re.search(r'bring me (\w+), (\w+) and (\w+),"', story.text)
        bought = re.search(r"bought only (\w+) and (\w+)", story.text)
        assert wanted
        if bought:
            (forgotten,) = set(wanted.groups()) - set(bought.groups())
            (said,) = [q.answer for q in questions(story) if q.text.endswith("forget?")]
            assert said == forgotten


def test_candles_and_harvests(by_kind: dict[str, list[Derivation]]) -> None:
    for story in by_kind["baking"]:
        years = re.search(r"had been (\w+) years old", story.text)
        assert years
        assert number(answer(story, "How many candles")) == number(years[1]) + 1
    for story in by_kind["garden"]:
        bore = re.search(r"It bore (\w+) \w+\. \w+ gave (\w+) of them", story.text)
        if bore:
            assert number(answer(story, "How many did")) == number(bore[1]) - number(bore[2])


def test_the_prints_on_the_floor(by_kind: dict[str, list[Derivation]]) -> None:
    stuff = {
        "baking bread": "flour",
        "painting a fence": "paint",
        "digging in the garden": "mud",
        "making jam": "jam",
        "sweeping the chimney": "soot",
        "looking for honey": "honey",
    }
    for story in by_kind["truth"]:
        doing = re.search(r"had been (.*?) all morning", story.text)
        assert doing
        if "prints" in story.text:
            assert answer(story, "What were the prints") == stuff[doing[1]]


@pytest.mark.parametrize("level", LEVELS)
def test_questions_are_the_same_in_both_languages(level: int) -> None:
    source = Stories(32, level=level)
    for _ in range(200):
        story = source.sample().derivation
        translated = Stories.parse(story.render("pt"))
        english, portuguese = questions(story), questions(translated)
        assert [q.skill for q in english] == [q.skill for q in portuguese]
        assert len({q.text for q in english}) == len(english)
        assert translated.facts == story.facts
        names = {story.facts["hero"], story.facts.get("friend")}
        for q, p in zip(english, portuguese, strict=True):
            assert q.text[-1] == p.text[-1] == "?"
            assert q.text[0].isupper()
            assert (q.answer in names) == (p.answer in names)


def test_an_answer_may_differ_in_case_and_full_stop() -> None:
    question = Question("Who has the bell in the end?", "Mia", "two-hop")
    assert question.is_right(" mia.")
    assert not question.is_right("Mia has it")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("level", LEVELS)
def test_instructions_are_met_by_their_story_and_by_no_story_that_differs(level: int, language: str) -> None:
    requests = Requests(33, language, level)
    others = [story.text for story, _ in zip(Stories(34, language, level), range(300), strict=False)]
    met = 0
    for _ in range(30):
        request, text = requests.sample()
        assert request.satisfied_by(text)
        assert set(request.met_by(text)) == set(request.constraints)
        for other in others[:60]:
            facts = Stories.parse(other).facts
            agrees = all(facts.get(name) == value for name, value in request.constraints.items())
            assert request.satisfied_by(other) == agrees
            met += agrees
        assert not request.satisfied_by(text[:-1])
        assert not request.satisfied_by(Stories.parse(text).render("pt" if language == "en" else "en"))
    assert met < 300


def test_an_instruction_can_be_put_in_the_other_language() -> None:
    story = Stories(1, level=1).sample()
    request = instruction(story.derivation, Random(3).random, language="pt")
    assert request.text == "Escreva uma história sobre uma ratinha chamada Mia que termina bem."
    assert request.satisfied_by(story.text)


@pytest.mark.error_contract
def test_an_instruction_in_an_unknown_language_is_refused() -> None:
    with pytest.raises(ValueError, match="'fr' is unknown: expected one of en, pt"):
        instruction(Stories(1, level=1).sample().derivation, Random(3).random, language="fr")


def test_the_reward_grows_with_each_of_its_parts() -> None:
    request, text = Requests(35).sample()
    full = reward(text, request)
    story = Stories.parse(text)
    assert full == Reward(2 + 0.25 * story.facts["kindness"], 1.0, 1.0, story.facts["kindness"])
    assert reward(text).total == full.total - 1
    half, longer = reward(text[: len(text) // 2], request), reward(text[:-1], request)
    assert 0 < half.total <= 0.5
    assert 0 < longer.total <= 0.5
    assert reward("").total == 0
    assert reward("What?").total < 0.1


@pytest.mark.parametrize("level", LEVELS)
def test_kindness_and_mood_are_noted_in_every_story(level: int) -> None:
    source = Stories(36, level=level)
    kindness = set()
    for _ in range(500):
        facts = source.sample().derivation.facts
        kindness.add(facts["kindness"])
        assert facts["mood"] in {"happy", "sad"}
        assert facts["hero"]
        assert facts["hero_kind"]
    assert kindness <= {-2, -1, 0, 1, 2}
    assert len(kindness) > 1
