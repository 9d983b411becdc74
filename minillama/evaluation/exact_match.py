r"""Generated answers, cut short and compared as text: exact match.

    generated   " The Tiber, which is the third-longest river in Italy.\nQ: ..."
    trimmed     "The Tiber"            up to the first line break, full stop or comma
    normalised  "tiber"                lower case; no punctuation, no articles, single spaces
    right       one of {"tiber", "river tiber"}, the accepted answers normalised in the same way

Every step is a convention. Trimming at a full stop cuts "St. Petersburg" and "3.14"; without trimming hardly
any answer of a base model matches, because it goes on with the next question. The answer "A" is an article,
and normalised to nothing: then an empty text is right.

References
----------
Touvron et al. 2023, LLaMA, arXiv 2302.13971, appendix A. The normalisation is SQuAD's: Rajpurkar et al. 2016,
arXiv 1606.05250.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence

import torch

from ..inference import Sampling, generate_ids
from ..model import Llama
from ..tokenizer import Tokenizer
from .scoring import Progress

STOPS = ("\n", ".", ",")
"""Where LLaMA's answers end."""


def trim_answer(text: str, stops: Sequence[str] = STOPS) -> str:
    """Cut a text at the first of `stops`, after its leading white space.

    Examples
    --------
    >>> trim_answer(" The Tiber, which is long.")
    'The Tiber'
    """
    text = text.lstrip()
    ends = [at for stop in stops if (at := text.find(stop)) >= 0]
    return text[: min(ends, default=len(text))].rstrip()


def normalise_answer(text: str) -> str:
    """Return lower case without punctuation, the articles a, an, the, and double spaces.

    Examples
    --------
    >>> normalise_answer("  The  Tiber! ")
    'tiber'
    """
    text = "".join(character for character in text.lower() if character not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def exact_match(answer: str, accepted: Sequence[str]) -> bool:
    """Return whether an answer is one of the accepted ones, all of them normalised.

    Examples
    --------
    >>> exact_match("the Tiber", ["Tiber River", "Tiber"]), exact_match("Tiber in Italy", ["Tiber"])
    (True, False)
    """
    return normalise_answer(answer) in {normalise_answer(one) for one in accepted}


@torch.no_grad()
def continue_until(
    model: Llama,
    tokenizer: Tokenizer,
    prompt: Sequence[int],
    until: Sequence[str],
    max_new_tokens: int = 32,
    sampling: Sampling | None = None,
    seed: int = 0,
) -> str:
    """Continue a prompt until one of the texts in `until` appears; it is cut off.

    Parameters
    ----------
    model : Llama
    tokenizer : Tokenizer
    prompt : sequence of int
        Ids, at least one.
    until : sequence of str
        None of them empty.
    max_new_tokens : int
        Upper bound; the end token and the end of the model's context also stop.
    sampling : Sampling, optional
        Greedy by default.
    seed : int
        Of the sampling.

    Returns
    -------
    str
        The new text alone.

    Raises
    ------
    ValueError
        If a text in `until` is empty, or the prompt is or does not fit.
    """
    if not all(until):
        raise ValueError("a text to stop at is empty: expected at least one character")
    generator = torch.Generator(model.tok_embeddings.weight.device).manual_seed(seed)
    new: list[int] = []
    steps = generate_ids(
        model, torch.tensor([list(prompt)]), max_new_tokens, sampling or Sampling(0.0), generator
    )
    for step in steps:
        if int(step) == tokenizer.eos_id:
            break
        new.append(int(step))
        said = tokenizer.decode(new)
        ends = [at for stop in until if (at := said.find(stop)) >= 0]
        if ends:
            return said[: min(ends)]
    return tokenizer.decode(new)


def answer_all(
    model: Llama,
    tokenizer: Tokenizer,
    prompts: Sequence[str],
    max_new_tokens: int = 32,
    progress: Progress | None = None,
) -> list[str]:
    """Return a greedy answer to each prompt: one line of at most so many tokens, trimmed at `STOPS`."""
    answers = []
    for prompt in prompts:
        ids = tokenizer.encode(prompt, bos=tokenizer.bos_id is not None)
        answers.append(trim_answer(continue_until(model, tokenizer, ids, ("\n",), max_new_tokens)))
        if progress is not None:
            progress(len(answers), len(prompts))
    return answers
