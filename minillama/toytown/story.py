"""Stories: writing one from a seed, reading one back from its text, and its labels."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from .choosers import Sampler
from .events import apply
from .grammar import write_sentence
from .labels import Entity, Telling, entities, questions, retell, summary, triples
from .reader import PrefixReader, derivations
from .slots import LANGUAGES
from .world import SPLITS, State


@dataclass(frozen=True)
class Story:
    """A story with its exact probability and, worked out when asked for, its labels.

    `log_prob` is in nats, given the language, the split and the length parameter; the end of the
    story is included. `draws` holds, for each sentence, the index drawn at each decision; every
    label is a function of them.
    """

    text: str
    log_prob: float
    language: str
    split: str
    length: float
    draws: tuple[dict[str, int], ...] = field(repr=False, hash=False)

    @cached_property
    def _telling(self) -> Telling:
        return retell(self.draws, self.language, self.split, self.length)

    @property
    def events(self) -> list[tuple[str, str]]:
        """(kind of event, sentence) in order."""
        return [(s.kind, s.text) for s in self._telling.sentences]

    @property
    def mood(self) -> str:
        """How the first child feels at the end: calm, happy, sad, scared, tired, hungry, proud."""
        return self._telling.state.children[0].mood

    @property
    def entities(self) -> list[Entity]:
        """People, animals, things, places and food where they are named, with character spans."""
        return entities(self._telling)

    @property
    def triples(self) -> list[tuple[str, str, str]]:
        """What holds at the end, as (subject, relation, object)."""
        return triples(self._telling)

    @property
    def summary(self) -> str:
        """One sentence with the two things that matter most and how it ended."""
        return summary(self._telling)

    @property
    def questions(self) -> list[tuple[str, str]]:
        """(question, answer) pairs about the story."""
        return questions(self._telling)

    @property
    def translation(self) -> str:
        """The same story in the other language: the same draws, told with the other words."""
        other = "zh" if self.language == "en" else "en"
        return retell(self.draws, other, self.split, self.length).text


def story(seed: int, language: str = "en", split: str = "train", length: float = 1.0) -> Story:
    """Write the story of a seed; the same on every platform.

    language: "en" or "zh". split: "train", "valid" and "test" differ in their random streams
    alone; in "compositional" every pair of a colour and a thing, and of an animal and its food, is
    one that the others never write. length: 1 gives 6 to 14 sentences, 3 gives 18 to 42.
    Raises ValueError for another language or split or a length outside 1 to 100.
    """
    check_arguments(language, split, length)
    chooser = Sampler(f"ToyTown v1 {language} {split} {length:g} {seed}")
    state, draws = State(split, length), []
    while not state.kinds or state.kinds[-1] != "close":
        chooser.draws = {}
        apply(state, *write_sentence(state, chooser, language))
        draws.append(chooser.draws)
    return Story("".join(chooser.parts), chooser.log_prob, language, split, length, tuple(draws))


def parse(
    text: str, language: str | None = None, split: str = "train", length: float = 1.0
) -> Story | None:
    """The story that a text tells, or None where ToyTown (in this split) could not have told it."""
    language = language or language_of(text)
    check_arguments(language, split, length)
    found = derivations(text, language, split, length)
    if not found:
        return None
    return Story(text, found[0].log_prob, language, split, length, found[0].draws)


def prefix_log_prob(
    text: str, language: str | None = None, split: str = "train", length: float = 1.0
) -> float:
    """The log-probability in nats that a story begins with `text`; -inf where none can.

    Given the language (guessed from the text where not said), the split and the length parameter.
    For many prefixes of one story, `PrefixReader` is quicker.
    """
    language = language or language_of(text)
    check_arguments(language, split, length)
    return PrefixReader(language, split, length).log_prob(text)


def language_of(text: str) -> str:
    """The language of a text, by whether it has Han characters."""
    return "zh" if any("\u4e00" <= c <= "\u9fff" for c in text) else "en"


def check_arguments(language: str, split: str, length: float) -> None:
    if language not in LANGUAGES:
        raise ValueError(f"ToyTown writes {' and '.join(LANGUAGES)}, not {language!r}.")
    if split not in SPLITS:
        raise ValueError(f"unknown split {split!r}; choose one of {', '.join(SPLITS)}.")
    if not 1 <= length <= 100:
        raise ValueError(f"length must be between 1 and 100, not {length}.")
