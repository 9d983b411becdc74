"""A benchmark whose chance and ceiling are known: what follows in a story, and what was said in it.

    cloze         ... Soon the little | cat / mouse / bear / duck       copying, rules, endings, two hops
    coreference   ... One windy morning | she / he
    counting      ... Otto had four turns, and Bruno had four, too. That made | eight / six / four / ten turns
    questions     ... Question: Where was the kite? Answer: | up in the tree / in the pond / behind the door

In the first three the right stretch is what the world of stories *must* say there: it has probability 1 once
the text before it is read, and each wrong one has probability 0. So whoever knows the world scores 1, by
every normalisation, and whoever guesses scores the mean of one over the number of choices. The wrong choices
are taken from the same place of other stories; those that occur in this story come first, so that a model
cannot pick what it has just read. Level 1 has nothing to count.

Left out: stretches that are drawn, where even the best prediction is wrong at times.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from random import Random

from ..data.stories import Derivation, Span, Stories
from ..data.stories.tasks import questions as questions_of
from .multiple_choice import MultipleChoice

POOL_SEED, POOL = 3_000_017, 800
"""Of the stories that the wrong choices are taken from, and how many they are."""
CHOICES = 4
"""At most; fewer where the world has fewer, such as "he" and "she"."""

TASKS = {
    "cloze": ("copy", "rule", "ending", "two-hop"),
    "coreference": ("coreference",),
    "counting": ("counting",),
}
"""The skills (see `minillama.data.stories.Span`) that a stretch must take to be asked for."""

NAMES = (*TASKS, "questions")

Slot = tuple[str, ...]
"""What a place in a story looks like from around it, whichever the story."""


@dataclass(frozen=True)
class StoryTask:
    """Questions of one kind.

    Parameters
    ----------
    name : str
    questions : tuple of MultipleChoice
    """

    name: str
    questions: tuple[MultipleChoice, ...]

    @property
    def chance(self) -> float:
        """Accuracy of guessing, in expectation."""
        return sum(question.chance for question in self.questions) / len(self.questions)

    @property
    def ceiling(self) -> float:
        """Accuracy of whoever knows the world: what follows is certain, and the answers are in the text."""
        return 1.0


def story_suite(level: int = 1, count: int = 200, seed: int = 0, language: str = "en") -> list[StoryTask]:
    """Return the tasks of a level, each with `count` questions on stories of their own.

    Parameters
    ----------
    level : int
        Of the stories, 1 to 3.
    count : int
        Questions in each task; one a story.
    seed : int
        The same seed gives the same questions on every machine.
    language : str
        "en" or "pt".

    Returns
    -------
    list of StoryTask
        Cloze, coreference, counting, questions; without those for which the level has no two choices.

    Raises
    ------
    ValueError
        If there is no such level or language, or count is not positive.

    Examples
    --------
    >>> cloze, coreference, questions = story_suite(level=1, count=20)
    >>> coreference.questions[0].prompt[-36:], coreference.questions[0].choices, coreference.chance
    ('rave little mouse. One windy morning', (' he', ' she'), 0.5)
    """
    if count < 1:
        raise ValueError(f"count is {count}: expected at least 1 question a task")
    tasks = []
    for name in NAMES:
        if not any(len(texts) > 1 for texts in _pools(level, language)[name].values()):
            continue
        random = Random(f"{seed} {name}")
        stories = Stories(random.getrandbits(48), language, level)
        asked = (_asked(story.derivation, name, random) for story in stories)
        tasks.append(StoryTask(name, tuple(islice((one for one in asked if one is not None), count))))
    return tasks


def _asked(story: Derivation, name: str, random: Random) -> MultipleChoice | None:
    """Return a question on a story, or None if it has no place for one."""
    found = list(_places(story, name))
    while found:
        prompt, slot, right = found.pop(random.randrange(len(found)))
        pool = _pools(story.level, story.language)[name].get(slot, ())
        wrong = [text for text in pool if not text.startswith(right) and not right.startswith(text)]
        if not wrong:
            continue
        random.shuffle(wrong)
        wrong.sort(key=lambda text: text.strip() not in prompt)  # stable: those of this story come first
        choices = [right, *wrong[: CHOICES - 1]]
        random.shuffle(choices)
        return MultipleChoice(prompt, tuple(choices), choices.index(right))
    return None


@cache
def _pools(level: int, language: str) -> dict[str, dict[Slot, tuple[str, ...]]]:
    """Return for each task what stands in each slot of the pool's stories."""
    found: dict[str, dict[Slot, set[str]]] = {name: defaultdict(set) for name in NAMES}
    for story in islice(Stories(POOL_SEED, language, level), POOL):
        told = story.derivation
        for name in NAMES:
            for _, slot, text in _places(told, name):
                found[name][slot].add(text)
    return {
        name: {slot: tuple(sorted(texts)) for slot, texts in slots.items()} for name, slots in found.items()
    }


def _places(story: Derivation, name: str) -> Iterator[tuple[str, Slot, str]]:
    """Yield the text before, the slot, and the right text, for each place that a task can ask about."""
    return _questions(story) if name == "questions" else _stretches(story, TASKS[name])


def _stretches(story: Derivation, skills: Sequence[str]) -> Iterator[tuple[str, Slot, str]]:
    """Yield the stretches that take one of the skills; the slot is the words around."""
    spans = story.spans
    for before, here, after in zip(spans, spans[1:], (*spans[2:], None), strict=False):
        if here.skill in skills:
            slot = (here.skill, _seen(story, before), "" if after is None else _seen(story, after))
            yield story.text[: here.start], slot, story.text[here.start : here.end]


def _seen(story: Derivation, span: Span) -> str:
    """Return a neighbour's words where they are the same in every story, else its skill."""
    return story.text[span.start : span.end] if span.skill in ("grammar", "ending") else span.skill


def _questions(story: Derivation) -> Iterator[tuple[str, Slot, str]]:
    """Yield the questions on a whole story; the slot is how a question begins."""
    for question in questions_of(story):
        prompt = f"{story.text}\nQuestion: {question.text}\nAnswer:"
        yield prompt, (question.skill, *question.text.split()[:2]), f" {question.answer}"
