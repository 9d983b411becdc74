"""Multiple choice without a word generated: the answer is the choice that the model finds likeliest.

Choices differ in length, and every token costs something, so the bare likelihood likes short ones. What one
divides by decides the answer, and papers differ (log-likelihoods in nats):

    raw             log p(choice | prompt)                                    lm-evaluation-harness `acc`
    token           ... / tokens of the choice                                GPT-3, most tasks
    character       ... / characters of the choice                            LLaMA, most tasks; `acc_norm`
    byte            ... / bytes of the choice in UTF-8                        `acc_bytes`
    unconditional   log p(choice | prompt) - log p(choice | "Answer:")        GPT-3: ARC, OpenBookQA, RACE;
                                                                              LLaMA: OpenBookQA, BoolQ

References
----------
Brown et al. 2020, GPT-3, arXiv 2005.14165, section 2.4. Touvron et al. 2023, LLaMA, arXiv 2302.13971,
section 3. Gao 2021, "Multiple choice normalization in LM evaluation", blog.eleuther.ai.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int

from ..model import Llama
from ..tokenizer import Tokenizer
from .pairs import encode_pair
from .scoring import Progress, score

NORMALISATIONS = ("raw", "token", "character", "byte", "unconditional")
UNCONDITIONAL = "Answer:"
"""The context of the last normalisation: what says that an answer comes, and nothing of the question."""


@dataclass(frozen=True)
class MultipleChoice:
    """A prompt and the texts that may follow it, one of them the right one.

    Parameters
    ----------
    prompt : str
    choices : tuple of str
        At least two; each begins with the space that separates it from the prompt, if one does.
    answer : int
        Index of the right choice.

    Raises
    ------
    ValueError
        If there are fewer than two choices, two are the same, one is blank, or the answer is none of them.

    Examples
    --------
    >>> MultipleChoice("The sky is", (" blue", " made of cheese"), answer=0).chance
    0.5
    """

    prompt: str
    choices: tuple[str, ...]
    answer: int

    def __post_init__(self) -> None:
        if len(self.choices) < 2 or len(set(self.choices)) < len(self.choices):
            raise ValueError(f"choices are {self.choices!r:.200}: expected at least two, all different")
        if not all(choice.strip() for choice in self.choices):
            raise ValueError(f"choices are {self.choices!r:.200}: one of them is blank")
        if not 0 <= self.answer < len(self.choices):
            raise ValueError(f"answer is {self.answer}: expected an index below {len(self.choices)}")

    @property
    def chance(self) -> float:
        """How often a guess is right."""
        return 1 / len(self.choices)


@dataclass(frozen=True)
class Judged:
    """What one model said to one question: log-likelihoods in nats, lengths without outer spaces.

    Parameters
    ----------
    log_likelihoods : float64 array, shape (choices,)
        Of each choice after the prompt.
    unconditional : float64 array, shape (choices,), optional
        Of each choice after "Answer:" alone.
    tokens, characters, bytes : int64 arrays, shape (choices,)
    answer : int
    """

    log_likelihoods: Float64[np.ndarray, " choices"]
    unconditional: Float64[np.ndarray, " choices"] | None
    tokens: Int[np.ndarray, " choices"]
    characters: Int[np.ndarray, " choices"]
    bytes: Int[np.ndarray, " choices"]
    answer: int

    def scores(self, normalisation: str = "character") -> Float64[np.ndarray, " choices"]:
        """Return what the choices are compared by; the largest is picked.

        Raises
        ------
        ValueError
            If the normalisation is unknown, or needs unconditional log-likelihoods that were not asked for.
        """
        if normalisation not in NORMALISATIONS:
            raise ValueError(
                f"normalisation is {normalisation!r}: expected one of {', '.join(NORMALISATIONS)}"
            )
        if normalisation == "raw":
            return self.log_likelihoods
        if normalisation == "unconditional":
            if self.unconditional is None:
                raise ValueError("the unconditional log-likelihoods were not asked for: judge(..., True)")
            return self.log_likelihoods - self.unconditional
        lengths = {"token": self.tokens, "character": self.characters, "byte": self.bytes}
        return self.log_likelihoods / lengths[normalisation]

    def pick(self, normalisation: str = "character") -> int:
        """Return the index of the choice that the model prefers; of equal ones the first."""
        return int(np.argmax(self.scores(normalisation)))


def judge(
    model: Llama,
    tokenizer: Tokenizer,
    questions: Sequence[MultipleChoice],
    unconditional: bool = False,
    progress: Progress | None = None,
) -> list[Judged]:
    """Score every choice of every question.

    Parameters
    ----------
    model : Llama
    tokenizer : Tokenizer
    questions : sequence of MultipleChoice
    unconditional : bool
        Also score the choices after `UNCONDITIONAL`, which the normalisation of that name needs.
    progress : function, optional
        Told how many choices are scored, and of how many.

    Returns
    -------
    list of Judged
        In the order of the questions.
    """
    pairs = [(question.prompt, choice) for question in questions for choice in question.choices]
    if unconditional:
        pairs += [(UNCONDITIONAL, choice) for _, choice in pairs]
    requests = [encode_pair(tokenizer, prompt, choice) for prompt, choice in pairs]
    scored = score(model, requests, progress)
    found = np.array([one.log_likelihood for one in scored])
    lengths = np.array([len(request.target) for request in requests], dtype=np.int64)
    n = len(pairs) // 2 if unconditional else len(pairs)
    judged, start = [], 0
    for question in questions:
        end = start + len(question.choices)
        bare = [choice.strip() for choice in question.choices]
        judged.append(
            Judged(
                log_likelihoods=found[start:end],
                unconditional=found[n + start : n + end] if unconditional else None,
                tokens=lengths[start:end],
                characters=np.array([len(choice) for choice in bare], dtype=np.int64),
                bytes=np.array([len(choice.encode()) for choice in bare], dtype=np.int64),
                answer=question.answer,
            )
        )
        start = end
    return judged


def correct(judged: Sequence[Judged], normalisation: str = "character") -> Bool[np.ndarray, " n"]:
    """Return for each question whether the model's choice is the right one; the mean is the accuracy."""
    return np.array([one.pick(normalisation) == one.answer for one in judged], dtype=bool)
