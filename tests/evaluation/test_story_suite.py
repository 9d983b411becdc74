"""The story benchmark: the parser proves that right stretches are certain and wrong ones impossible."""

from __future__ import annotations

import re
from collections import Counter

import pytest
import torch

from minillama.config import LlamaConfig
from minillama.data.stories import LANGUAGES, Stories, StoryError
from minillama.evaluation.multiple_choice import correct, judge
from minillama.evaluation.story_suite import CHOICES, story_suite
from minillama.model import Llama
from minillama.tokenizer import Tokenizer


def read_to(text: str) -> int | None:
    """How far the world can have told this text; None if it is a whole story."""
    try:
        Stories.parse(text)
    except StoryError as error:
        return error.position
    return None


@pytest.mark.parametrize(
    "level", [1, pytest.param(2, marks=pytest.mark.slow), pytest.param(3, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_right_is_certain_and_what_is_wrong_is_impossible(level: int, language: str) -> None:
    names = []
    for task in story_suite(level, count=20, language=language):
        names.append(task.name)
        assert len(task.questions) == 20
        assert task.ceiling == 1.0
        assert task.chance == pytest.approx(sum(1 / len(q.choices) for q in task.questions) / 20)
        assert Counter(len(q.choices) for q in task.questions).keys() <= set(range(2, CHOICES + 1))
        if task.name == "questions":
            continue
        for question in task.questions:
            for number, choice in enumerate(question.choices):
                text = question.prompt + choice
                reached = read_to(text)
                if number == question.answer:
                    assert reached is None or reached == len(text), text  # the world waits for more
                else:
                    assert reached is not None, text
                    assert reached < len(text), text  # it stumbled within the choice
    left_out = {"counting"} if level == 1 else {"coreference"} if (level, language) == (2, "pt") else set()
    assert names == [n for n in ("cloze", "coreference", "counting", "questions") if n not in left_out]


def test_answers_are_those_of_the_story() -> None:
    *_, task = story_suite(level=1, count=60)
    kinds = Counter()
    for question in task.questions:
        story, asked = re.fullmatch(r"(.*)\nQuestion: (.*)\nAnswer:", question.prompt).groups()
        answer = question.choices[question.answer].strip()
        if asked.startswith("What animal"):
            kinds["animal"] += 1
            assert re.search(rf"was \w+, {answer.split()[0]} \w+ little {answer.split()[1]}\.", story)
        elif asked.startswith("What did"):
            kinds["lost"] += 1
            assert re.search(rf"lost (his|her) \w+ {answer.split()[1]}\.", story)
        elif asked.startswith("Where did"):
            kinds["first"] += 1
            assert re.search(rf"looked {answer}\. Nothing!", story)
        elif asked.startswith("Was the"):
            kinds["found"] += 1
            assert (answer == "yes") is ("There it was!" in story)
    assert min(kinds.values()) >= 5


def test_a_seed_gives_the_same_questions_and_another_seed_others() -> None:
    assert story_suite(level=1, count=30) == story_suite(level=1, count=30)
    few, many = story_suite(level=1, count=10)[0], story_suite(level=1, count=30)[0]
    assert many.questions[:10] == few.questions
    assert story_suite(level=1, count=30, seed=1) != story_suite(level=1, count=30)


def test_the_place_of_the_right_choice_tells_nothing() -> None:
    (cloze, *_) = story_suite(level=1, count=300)
    places = Counter(q.answer for q in cloze.questions if len(q.choices) == 4)
    total = sum(places.values())
    assert all(abs(places[i] / total - 0.25) < 3 * (0.1875 / total) ** 0.5 for i in range(4))  # 3 sigma


def test_a_model_that_knows_nothing_scores_by_chance() -> None:
    tokenizer = Tokenizer.train([Stories(1, level=1).sample().text], 280)
    model = Llama(LlamaConfig(vocab_size=tokenizer.vocab_size, dim=16, n_layers=1, n_heads=2, n_kv_heads=1))
    model.init_weights(torch.Generator().manual_seed(0))
    for task in story_suite(level=1, count=150):
        right = correct(judge(model, tokenizer, task.questions), "character")
        sigma = (task.chance * (1 - task.chance) / 150) ** 0.5
        assert abs(right.mean() - task.chance) < 4 * sigma


@pytest.mark.error_contract
def test_bad_suites_are_refused() -> None:
    with pytest.raises(ValueError, match="count is 0"):
        story_suite(count=0)
    with pytest.raises(ValueError, match="level 4"):
        story_suite(level=4)
    with pytest.raises(ValueError, match="language 'fr'"):
        story_suite(language="fr")
