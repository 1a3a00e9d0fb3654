"""The state of a story: who is there, who has what, how everyone feels."""

from dataclasses import dataclass, field, replace

Name = tuple  # ("girl", i) ordinary; ("girl", first, [middle,] last) made of syllables

# What can be drawn. The words for these numbers stand in english.py and chinese.py.
N_COLOURS, N_THINGS, N_FOODS, N_ANIMALS, N_PLACES, N_WEATHERS = 8, 28, 12, 12, 12, 6
# Things that invite play, that break and can be mended, that one would paint (index of THINGS).
PLAYABLE = frozenset({0, 1, 5, 6, 11, 12, 13, 14, 16, 19, 24, 25, 26, 27})
BREAKABLE = frozenset({1, 4, 5, 7, 10, 12, 13, 14, 17, 18, 21, 24, 25, 26, 27})
PAINTABLE = frozenset({1, 4, 5, 7, 12, 13, 14, 17, 21, 24, 25, 26, 27})
# What lies around in each place (index of ITEMS).
ITEMS_AT = (
    (1, 2, 3, 4, 8),  # park
    (3, 4, 6, 9),  # garden
    (0, 1, 5, 8),  # beach
    (2, 3, 6, 7),  # forest
    (4, 5, 6, 11),  # farm
    (3, 8, 9, 10),  # playground
    (0, 1, 5),  # river
    (4, 5, 6),  # meadow
    (1, 4, 6),  # hill
    (0, 1, 5, 4),  # lake
    (3, 6, 7),  # orchard
    (8, 9, 10, 11),  # market
)
# Where a lost thing may turn up in each place (index of SPOTS).
SPOTS_AT = (
    (0, 1, 3, 6),  # park
    (0, 3, 5, 6),  # garden
    (0, 4, 7),  # beach
    (1, 3, 4, 6),  # forest
    (2, 5, 7),  # farm
    (0, 1, 5, 7),  # playground
    (1, 2, 3, 4),  # river
    (2, 3, 4, 5),  # meadow
    (1, 2, 3, 4),  # hill
    (0, 1, 2, 4),  # lake
    (1, 2, 5, 6),  # orchard
    (0, 5, 7),  # market
)
SPLITS = ("train", "valid", "test", "compositional")


def held_out(colour: int, noun: int) -> bool:
    """Whether a thing never has this colour in training: two colours of the eight for each noun."""
    return (colour - noun) % N_COLOURS in (0, 3)


def food_held_out(animal: int, food: int) -> bool:
    """Whether an animal never gets this food in training: two of the twelve for each animal."""
    return (food - animal) % N_FOODS in (0, 5)


def allowed(held: bool, split: str) -> bool:
    """Whether a pair may be written in a split; the judge's split "any" takes both kinds."""
    return split == "any" or held == (split == "compositional")


@dataclass(slots=True)
class Child:
    name: Name
    gender: str
    mood: str = "calm"
    fresh: int = 0  # for how many more sentences the mood is news
    count: int = 0  # how many of the story's countable item
    likes: tuple[int, ...] = ()
    want: int | None = None

    def feel(self, mood: str) -> None:
        self.mood, self.fresh = mood, 2


@dataclass(slots=True)
class Thing:
    colour: int
    noun: int
    owner: int
    lost_at: int | None = None  # the place where it was lost
    broken: bool = False
    moved: bool = False  # whether it has changed hands since the text last said who has it
    given: bool = False  # whether it has been a present: it is not given away again

    @property
    def usable(self) -> bool:
        return self.lost_at is None and not self.broken


@dataclass(slots=True)
class Animal:
    kind: int
    name: Name | None = None
    here: bool = True


@dataclass(slots=True)
class State:
    split: str = "train"
    length: float = 1.0
    children: list[Child] = field(default_factory=list)
    things: list[Thing] = field(default_factory=list)
    animal: Animal | None = None
    item: int | None = None
    place: int = 0
    weather: int = 0
    kinds: list[str] = field(default_factory=list)  # the kinds of event told so far
    focus: int | None = None  # the child that the last sentence was about
    mentioned: tuple[int, ...] = ()  # the children named in it
    debt: tuple[int, int] | None = None  # (who may say thank you now, to whom)

    def copy(self) -> "State":
        """An independent copy, for trying what a text might mean."""
        return replace(
            self,
            children=[replace(c) for c in self.children],
            things=[replace(t) for t in self.things],
            animal=self.animal and replace(self.animal),
            kinds=list(self.kinds),
        )

    def names(self) -> list[Name]:
        pets = [self.animal.name] if self.animal and self.animal.name else []
        return [c.name for c in self.children] + pets

    def pronoun_ok(self, child: int) -> bool:
        """Whether "he" or "she" can only mean this child; the judge tries whoever it may mean."""
        if self.split == "any":
            return True
        gender = self.children[child].gender
        return self.focus == child and not any(
            self.children[c].gender == gender for c in self.mentioned if c != child
        )
