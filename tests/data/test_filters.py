"""Language, rules and the classifier: each limit from both sides, and who is thrown away wrongly."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minillama.data.classifier import FEATURES, features, train_classifier
from minillama.data.filters import RULE_SETS, RULES, Measured, broken_rules, first_broken, rules_named
from minillama.data.html import MissingExtra
from minillama.data.language import language_of
from minillama.data.pages import pages, reference_text
from minillama.data.stories import Stories

PROSE = (
    "The river rises in the hills to the west of the town and flows to the sea. People that live with it have"
    " seen its floods. Its bridge was built of stone by masons, and it was to be their last. A market is held"
    " near it each week, where wool and salt change hands."
)


def broken(text: str) -> list[str]:
    return broken_rules(text, RULES.values())


def test_good_prose_breaks_no_rule() -> None:
    assert broken(PROSE) == []
    assert first_broken(PROSE, RULES.values()) is None


@pytest.mark.parametrize(
    ("rule", "text", "next_to_it"),
    [
        ("too few words", " ".join(PROSE.split()[:49]), " ".join(PROSE.split()[:50])),
        ("too many words", "word " * 100_001, "word " * 100_000),
        ("word length", "ab " * 60, "abc " * 60),
        ("word length", "abcdefghijk " * 60, "abcdefghij " * 60),
        ("symbols", "word # " * 50, ("word " * 19 + "# ") * 10),
        ("bullets", "- a line\n" * 10 + "a line\n", "- a line\n" * 9 + "a line\n"),
        ("ellipses", "more...\n" * 4 + "line\n" * 6, "more...\n" * 3 + "line\n" * 7),
        ("letters", "12 " * 21 + "word " * 79, "12 " * 20 + "word " * 80),
        ("stop words", "the cat sat on a mat", "the cat sat with a hat"),
        ("repeated lines", "abcd\n" * 2 + "efgh\nijkl\n", "abcd\n" * 2 + "efgh\nijkl\nmnop\n"),
        ("top 2-gram", "to be or to be", "to be or not to be " + "so many other words stand here too"),
        ("top 3-gram", "to be or to be or", "to be or then to be or " + " ".join(map(str, range(99)))),
        ("top 4-gram", "a b c d a b c d", "a b c d a b c d " + " ".join(map(str, range(99)))),
        ("repeated 5-grams", "a b c d e f a b c d e g", "a b c d e f a b c d x e"),
        ("repeated 10-grams", PROSE + " " + PROSE, PROSE),
        ("braces", "if (x) { y }", "if (x) ( y )"),
        ("lorem ipsum", "Lorem Ipsum dolor", "Lorem dolor ipsum"),
        ("line ends", "Home\nNews\nIt rains.", "Home\nIt rains."),
    ],
)
def test_each_rule_has_its_limit(rule: str, text: str, next_to_it: str) -> None:
    assert RULES[rule].broken(Measured(text))
    assert not RULES[rule].broken(Measured(next_to_it))


def test_shares_are_counted_as_described() -> None:
    text = Measured("aa b aa b cc")
    assert text.top_share(2) == pytest.approx(6 / 8)
    assert Measured("a b c").top_share(2) == 0
    assert Measured("").top_share(2) == Measured("").characters_in_repeated(5) == 0
    assert Measured("x y x y x y").characters_in_repeated(2) == 1
    assert Measured("aa\nbb\naa\naa").characters_in_repeated_lines == 0.5
    assert Measured("").mean_word_length == 0


@given(st.text(max_size=300))
def test_any_text_can_be_measured(text: str) -> None:
    assert set(broken(text)) <= set(RULES)
    assert first_broken(text, RULES.values()) in [*RULES, None]


def test_the_rules_throw_away_stories_that_repeat_themselves() -> None:
    told = ["\n".join(page.paragraphs) for page in pages(3, 600) if page.kind == "story"]
    reasons = [first_broken(text, rules_named(["gopher", "c4"])) for text in told]
    wrongly = [reason for reason in reasons if reason]
    assert 0 < len(wrongly) < 0.3 * len(told)  # all of them are good English by construction
    assert all("repeated" in reason for reason in wrongly)


def test_rules_by_name_come_in_order() -> None:
    assert [rule.name for rule in rules_named(["lorem ipsum", "too few words"])] == [
        "too few words",
        "lorem ipsum",
    ]
    assert {rule.name for rule in rules_named(["gopher", "c4"])} == set(RULES)
    assert not set(RULE_SETS["gopher"]) & set(RULE_SETS["c4"])


def test_languages_of_stories() -> None:
    for code in ("en", "pt"):
        for story in islice(Stories(5, code), 50):
            assert language_of(story.text)[0] == code
    assert language_of("")[1] < 0.5
    assert language_of("the cat")[1] < 0.5


def test_the_classifier_knows_a_register_that_it_has_seen() -> None:
    chatter = ["\n".join(page.paragraphs) for page in pages(1, 700) if page.kind == "chatter"]
    good = [reference_text(0, number) for number in range(60)]
    model = train_classifier(good, chatter[:60])
    assert np.mean([model.probability(reference_text(9, number)) > 0.5 for number in range(60)]) > 0.95
    assert np.mean([model.probability(text) < 0.5 for text in chatter[60:]]) > 0.95
    again = train_classifier(good, chatter[:60])
    assert np.array_equal(model.weights, again.weights)
    assert np.all(model.weights * 256 == np.round(model.weights * 256))


def test_what_the_classifier_learns_does_not_hang_on_how_sums_are_rounded() -> None:
    mixed = [
        "\n".join(page.paragraphs) for page in pages(1, 400) if page.kind in ("chatter", "story", "reference")
    ]
    good = [reference_text(0, number) for number in range(150)]
    model, backwards = train_classifier(good, mixed), train_classifier(good[::-1], mixed[::-1])
    assert np.abs(model.weights - backwards.weights).max() <= 1 / 256  # what weights are rounded to
    assert abs(model.bias - backwards.bias) <= 1 / 256


def test_features_are_counts_at_length_one() -> None:
    places, values = features("the cat the cat sat.")
    assert np.sum(values**2) == pytest.approx(1)
    assert len(set(places.tolist())) == len(places)
    assert places.max() < FEATURES
    assert len(places) == 8  # the, cat, sat, . and the cat, cat the, cat sat, sat .
    assert sorted(set((values**2 * 11).round().tolist())) == [1, 2]  # of 6 words and 5 pairs, some come twice
    assert len(features("")[0]) == 0


@pytest.mark.error_contract
def test_unknown_rules_and_nothing_to_learn_from_are_refused() -> None:
    with pytest.raises(ValueError, match="there is no rule 'gofer': expected gopher, c4"):
        rules_named(["gofer"])
    with pytest.raises(ValueError, match="0 good and 1 random texts"):
        train_classifier([], ["a"])


@pytest.mark.error_contract
def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from minillama.data import html, language

    language._identifier.cache_clear()
    monkeypatch.setitem(sys.modules, "trafilatura", None)
    monkeypatch.setitem(sys.modules, "py3langid.langid", None)
    for use in (lambda: html.extract_text("<p>x</p>"), lambda: language_of("x")):
        with pytest.raises(MissingExtra, match=r"pip install 'minillama\[data\]'"):
            use()
