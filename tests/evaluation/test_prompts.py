"""Formats as the papers print them; shots that depend on nothing but seed, number and pool."""

from __future__ import annotations

from collections import Counter

import pytest

from minillama.evaluation.prompts import FORMATS, LETTERS, QUESTIONS, Example, PromptFormat, choose_shots

POOL = [Example(f"What is {i} + {i}?", (str(2 * i),), (str(2 * i), str(2 * i + 1))) for i in range(12)]


def test_the_prompt_of_the_llama_paper() -> None:
    shot = Example("Who sang who wants to be a millionaire in high society?", ("Frank Sinatra",))
    asked = Example("Who wrote the book the origin of species?", ("Charles Darwin", "Darwin"))
    assert QUESTIONS.prompt(asked, [shot]) + QUESTIONS.written_answer(asked) == (
        "Answer these questions:\n"
        "Q: Who sang who wants to be a millionaire in high society?\n"
        "A: Frank Sinatra\n"
        "Q: Who wrote the book the origin of species?\n"
        "A: Charles Darwin"
    )  # figure 3 of the paper


def test_letters_list_the_choices_and_are_the_answers() -> None:
    asked = LETTERS.multiple_choice(POOL[3], [POOL[1]])
    assert asked.prompt == ("What is 1 + 1?\nA. 2\nB. 3\nAnswer: A\n\nWhat is 3 + 3?\nA. 6\nB. 7\nAnswer:")
    assert asked.choices == (" A", " B")
    assert asked.answer == 0


def test_choices_follow_the_prompt_in_full() -> None:
    example = Example("2 + 2?", ("4",), ("5", "4", "22"))
    asked = PromptFormat().multiple_choice(example)
    assert asked.prompt == "Question: 2 + 2?\nAnswer:"
    assert asked.choices == (" 5", " 4", " 22")
    assert asked.answer == 1


def test_a_question_with_braces_is_left_alone() -> None:
    assert PromptFormat().render(Example("What does {question} or {0} mean?", ("x",))) == (
        "Question: What does {question} or {0} mean?\nAnswer:"
    )


def test_formats_are_frozen_and_all_end_where_the_answer_begins() -> None:
    for form in FORMATS.values():
        assert hash(form) == hash(form)
        assert form.render(POOL[0]).endswith(":")


def test_shots_depend_on_seed_and_number_alone_and_never_ask_the_same() -> None:
    drawn = Counter()
    for number, example in enumerate(POOL):
        shots = choose_shots(POOL, 4, seed=5, number=number, asked=example.question)
        assert shots == choose_shots(POOL, 4, seed=5, number=number, asked=example.question)
        assert len(set(shots)) == 4
        assert example not in shots
        drawn.update(shots)
    assert len(drawn) == len(POOL)  # all have their turn
    assert choose_shots(POOL, 4, 5, 0) != choose_shots(POOL, 4, 6, 0)
    assert choose_shots(POOL, 4, 5, 0) != choose_shots(POOL, 4, 5, 1)
    assert choose_shots(POOL, 0, 5, 0) == []


@pytest.mark.error_contract
def test_bad_examples_are_refused() -> None:
    with pytest.raises(ValueError, match="blank answer, or none"):
        Example("q", ())
    with pytest.raises(ValueError, match="blank answer, or none"):
        Example("q", (" ",))
    with pytest.raises(ValueError, match="is not among its choices"):
        Example("q", ("x",), ("a", "b"))
    with pytest.raises(ValueError, match="at least two"):
        PromptFormat().multiple_choice(Example("q", ("x",)))
    with pytest.raises(ValueError, match="12 shots were asked for: expected 0 to 11"):
        choose_shots(POOL, 12, 0, 0, POOL[0].question)
