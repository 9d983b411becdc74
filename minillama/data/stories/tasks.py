"""Tasks from the story world whose answers a parser knows: instructions, questions, a reward.

    instruction   "Write a story about a cat named Mia that ends badly."     parsed and compared
    question      "Who has the bell in the end?"                             one right answer
    reward        validity + constraints met + kindness                      a number for every text

None of these has the exact floor of the stories themselves: an instruction is drawn *after* its story, so
what is known of a story once the instruction is read is nats + log P(constraints), in which the
probability of the constraints has to be summed or estimated (see the page on the floor).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from minillama.data.stories import Derivation, Stories, StoryError
from minillama.data.stories.words import LANGUAGES, Word

THEMES = {
    "lost": ("something lost", "algo perdido"),
    "sharing": ("sharing fruit", "dividir frutas"),
    "presents": ("presents that are given on", "presentes que passam de mão em mão"),
    "hidden": ("a hidden thing", "algo escondido"),
    "helping": ("somebody small in need", "alguém pequeno em apuros"),
    "truth": ("telling the truth", "dizer a verdade"),
    "courage": ("a noise in the night", "um barulho na noite"),
    "baking": ("a birthday", "um aniversário"),
    "journey": ("a journey", "uma viagem"),
    "market": ("a market", "uma feira"),
    "swaps": ("swapping things", "trocas"),
    "race": ("a race", "uma corrida"),
    "errand": ("an errand", "um recado"),
    "riddles": ("a riddle", "uma adivinha"),
    "garden": ("a garden", "uma horta"),
    "reach": ("a toy out of reach", "um brinquedo fora de alcance"),
    "turns": ("taking turns", "esperar a vez"),
    "rain": ("rain", "chuva"),
    "biscuits": ("biscuits", "biscoitos"),
}
MOODS = {"happy": ("well", "bem"), "sad": ("badly", "mal")}

# The optional parts of an instruction by level: what every story of the level has.
PARTS = {
    1: ("kind", "thing", "mood"),
    2: ("kind", "friend", "thing", "story", "mood"),
    3: ("kind", "friend", "home", "story", "mood"),
}


@dataclass(frozen=True)
class Instruction:
    """What somebody asks for, in words and as facts that a story must have.

    Attributes
    ----------
    text : str
        The request.
    constraints : mapping from fact to value
        In the keys of `Derivation.facts`, the same in every language.
    level : int
        The level that the story must have.
    language : str
        The language that the story must have.
    """

    text: str
    constraints: Mapping[str, str]
    level: int
    language: str

    def met_by(self, text: str) -> tuple[str, ...]:
        """Return the names of the constraints that a text meets; none if it is not a story as asked for."""
        try:
            derivation = Stories.parse(text)
        except StoryError:
            return ()
        if (derivation.level, derivation.language) != (self.level, self.language):
            return ()
        return tuple(name for name, value in self.constraints.items() if derivation.facts.get(name) == value)

    def satisfied_by(self, text: str) -> bool:
        """Return whether a text is a story of the right level and language that meets every constraint."""
        return len(self.met_by(text)) == len(self.constraints)


def instruction(story: Derivation, random: Callable[[], float], language: str | None = None) -> Instruction:
    """Return a request that a story answers: the hero is named, each other part has a chance of one half.

    Parameters
    ----------
    story : Derivation
        The story that was "asked for".
    random : function
        Returns floats in [0, 1), such as `random.Random(0).random`.
    language : str, optional
        Of the request; the story's own if not given.

    Examples
    --------
    >>> from random import Random
    >>> story = Stories(seed=1, level=1).sample()
    >>> request = instruction(story.derivation, Random(3).random)
    >>> request.text, request.satisfied_by(story.text)
    ('Write a story about a mouse named Mia that ends well.', True)
    """
    language = language or story.language
    if language not in LANGUAGES:
        raise ValueError(f"language {language!r} is unknown: expected one of {', '.join(LANGUAGES)}")
    parts = [part for part in PARTS[story.level] if random() < 0.5] or ["mood"]
    names = ["hero", *("hero_kind" if part == "kind" else part for part in parts)]
    constraints = {name: story.facts[name] for name in names}
    return Instruction(_request(story, parts, language), constraints, story.level, story.language)


def _request(story: Derivation, parts: list[str], language: str) -> str:
    """Put a request into words."""
    notes, i = story.notes, LANGUAGES.index(language)
    hero: Word = notes["hero"]
    forms = hero.forms[language]
    text = ("Write a story about ", "Escreva uma história sobre ")[i]
    if "kind" in parts:
        text += f"{forms['a']} named " if language == "en" else f"{forms['um']} chamad{forms['-o']} "
    text += hero.key
    if "friend" in parts:
        friend: Word = notes["friend"]
        text += (
            f" and {forms['his']} friend "
            if language == "en"
            else (" e seu amigo ", " e sua amiga ")[friend.gender == "f"]
        )
        text += friend.key
    if "mood" in parts:
        text += (" that ends ", " que termina ")[i] + MOODS[notes["mood"]][i]
    text += "."
    if "story" in parts:
        text += (" It should tell of ", " O tema é ")[i] + THEMES[notes["story"]][i] + "."
    if "home" in parts:
        text += (" Let it happen ", " Que aconteça ")[i] + notes["home"].forms[language]["in"] + "."
    if "thing" in parts:
        thing = notes["thing"].forms[language][("a", "um")[i]]
        text += (f" There should be {thing} in it.", f" Nela deve haver {thing}.")[i]
    return text


class Question(NamedTuple):
    """A question about a story, its only right answer, and the skill that it takes."""

    text: str
    answer: str
    skill: str

    def is_right(self, answer: str) -> bool:
        """Return whether an answer says the right thing; case, outer spaces and a full stop do not count."""
        return answer.strip().rstrip(".").casefold() == self.answer.casefold()


def questions(story: Derivation) -> list[Question]:
    """Return the questions that a story answers, in its language.

    Examples
    --------
    >>> questions(Stories(seed=1, level=1).sample().derivation)[1]
    Question(text='What did Mia lose?', answer='a kite', skill='copy')
    """
    return [Question(question, answer, skill) for skill, question, answer in story.asked]


class Reward(NamedTuple):
    """The worth of a text, and what it is made of: total = validity + constraints + 0.25 kindness.

    Attributes
    ----------
    total : float
        Between 0 and 2.5.
    validity : float
        1 for a story; for any other text half the share of it that a story may begin with.
    constraints : float
        The share of an instruction's constraints that is met; 0 without an instruction.
    kindness : int
        What the friends did for one another, from -2 (passed by on the road) to 2 (gave something away).
    """

    total: float
    validity: float
    constraints: float
    kindness: int


def reward(text: str, instruction: Instruction | None = None) -> Reward:
    """Return what a text is worth, exactly and by formula: nothing is learnt here.

    Examples
    --------
    >>> reward("Once upon a time, there was nothing.").total < 0.5
    True
    >>> reward(Stories(seed=1, level=1).sample().text)
    Reward(total=1.25, validity=1.0, constraints=0.0, kindness=1)
    """
    try:
        story = Stories.parse(text)
    except StoryError as error:
        validity = 0.5 * error.position / max(len(text), 1)
        return Reward(validity, validity, 0.0, 0)
    met = len(instruction.met_by(text)) / len(instruction.constraints) if instruction else 0.0
    kindness = int(story.facts["kindness"])
    return Reward(1 + met + 0.25 * kindness, 1.0, met, kindness)


class Requests:
    """An endless source of instructions, each with a story that answers it.

    Parameters
    ----------
    seed : int
        Of the stories and of the requests.
    language : str
        Of both.
    level : int
        Of the stories.

    Examples
    --------
    >>> request, story = Requests(seed=1, level=1).sample()
    >>> request.satisfied_by(story)
    True
    """

    def __init__(self, seed: int, language: str = "en", level: int = 3) -> None:
        self._stories = Stories(seed, language, level)
        self._random = Random(seed + 1_000_003).random

    def sample(self) -> tuple[Instruction, str]:
        """Return the next instruction and the text of a story for it."""
        story = self._stories.sample()
        return instruction(story.derivation, self._random), story.text
