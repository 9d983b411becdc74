"""From a question to the text that a model continues: formats, and examples in front of it.

    Answer these questions:                      instruction
    Q: Who wrote the book the origin of species? }
    A: Charles Darwin                            } one shot
    Q: Which river runs through Rome?            the question; the model goes on behind "A:"
    A:

The words around a question change the score, so a score belongs to its format. The formats are frozen, and
the examples in front of a question are drawn by the seed and the question's number: whoever evaluates the
first ten questions sees the same prompts as whoever evaluates all.

References
----------
Brown et al. 2020, GPT-3, arXiv 2005.14165, section 2.4 (few shots); Touvron et al. 2023, LLaMA,
arXiv 2302.13971, appendix A (`QUESTIONS`); Hendrycks et al. 2021, MMLU, arXiv 2009.03300 (`LETTERS`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from .multiple_choice import MultipleChoice


@dataclass(frozen=True)
class Example:
    """A question with its answer.

    Parameters
    ----------
    question : str
    answers : tuple of str
        All that count as right; the first is shown in prompts.
    choices : tuple of str
        For multiple choice: what may be picked, `answers[0]` among it. Else empty.

    Raises
    ------
    ValueError
        If there is no answer, or choices without it.
    """

    question: str
    answers: tuple[str, ...]
    choices: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.answers or not all(answer.strip() for answer in self.answers):
            raise ValueError(f"the question {self.question!r:.80} has a blank answer, or none: give one")
        if self.choices and self.answers[0] not in self.choices:
            raise ValueError(
                f"the answer {self.answers[0]!r:.80} is not among its choices {self.choices!r:.99}"
            )


@dataclass(frozen=True)
class PromptFormat:
    """How a question, its choices and its answer are written.

    Parameters
    ----------
    question : str
        A template with ``{question}``, which ends where the answer begins.
    answer : str
        What joins question and answer, most often a space.
    separator : str
        Between examples.
    instruction : str
        In front of all.
    letters : bool
        List the choices with letters, and let the letter be the answer.

    Examples
    --------
    >>> tea = Example("Is tea hot?", ("yes",), ("yes", "no"))
    >>> print(PromptFormat().render(tea) + PromptFormat().written_answer(tea))
    Question: Is tea hot?
    Answer: yes
    >>> print(LETTERS.render(tea) + LETTERS.written_answer(tea))
    Is tea hot?
    A. yes
    B. no
    Answer: A
    """

    question: str = "Question: {question}\nAnswer:"
    answer: str = " "
    separator: str = "\n\n"
    instruction: str = ""
    letters: bool = False

    def render(self, example: Example) -> str:
        """Write the question up to where its answer begins."""
        listed = ""
        if self.letters:
            listed = "".join(f"\n{_letter(i)}. {choice}" for i, choice in enumerate(example.choices))
        return self.question.replace("{question}", example.question + listed)

    def written_answer(self, example: Example, choice: str | None = None) -> str:
        """Write the answer, or another choice, as it follows the question."""
        text = example.answers[0] if choice is None else choice
        return self.answer + (_letter(example.choices.index(text)) if self.letters else text)

    def prompt(self, example: Example, shots: Sequence[Example] = ()) -> str:
        """Write the instruction, the shots with their answers, and the question."""
        written = [self.render(shot) + self.written_answer(shot) for shot in shots]
        return self.instruction + self.separator.join([*written, self.render(example)])

    def multiple_choice(self, example: Example, shots: Sequence[Example] = ()) -> MultipleChoice:
        """Make the question one that likelihoods answer.

        Raises
        ------
        ValueError
            If the example has fewer than two choices.
        """
        choices = tuple(self.written_answer(example, choice) for choice in example.choices)
        answer = example.choices.index(example.answers[0]) if example.choices else 0
        return MultipleChoice(self.prompt(example, shots), choices, answer)


QUESTIONS = PromptFormat("Q: {question}\nA:", separator="\n", instruction="Answer these questions:\n")
"""LLaMA's for NaturalQuestions and TriviaQA."""
LETTERS = PromptFormat("{question}\nAnswer:", letters=True)
"""MMLU's, but for its first line, which names the subject."""
FORMATS = {"plain": PromptFormat(), "questions": QUESTIONS, "letters": LETTERS}


def choose_shots(
    pool: Sequence[Example], count: int, seed: int, number: int, asked: str = ""
) -> list[Example]:
    """Draw examples to show before a question.

    Parameters
    ----------
    pool : sequence of Example
        May hold the question itself, which is never drawn.
    count : int
    seed, number : int
        Of the evaluation, and of the question within it: the draw depends on them and on the pool alone.
    asked : str
        The question that the shots are for.

    Returns
    -------
    list of Example

    Raises
    ------
    ValueError
        If the pool has too few other questions.

    Examples
    --------
    >>> pool = [Example(f"What is {i} + {i}?", (str(2 * i),)) for i in range(20)]
    >>> [shot.answers[0] for shot in choose_shots(pool, 3, seed=1, number=4, asked="What is 4 + 4?")]
    ['38', '22', '4']
    """
    others = [example for example in pool if example.question != asked]
    if not 0 <= count <= len(others):
        raise ValueError(f"{count} shots were asked for: expected 0 to {len(others)}, the other questions")
    return Random(f"{seed} {number}").sample(others, count)


def _letter(index: int) -> str:
    return chr(ord("A") + index)
