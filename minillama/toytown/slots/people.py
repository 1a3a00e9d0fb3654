"""Slots for children, animals, their names and their food."""

from __future__ import annotations

from .. import english
from ..world import N_ANIMALS, N_FOODS, allowed, food_held_out
from .line import NAME_OR_PRONOUN, SLOTS, Line, slot


def mention(line: Line, case: int, possessive: str = "") -> None:
    """The sentence's child, by name, or by pronoun where that is clear."""
    who = line.a["who"]
    forms = [line.child(who) + possessive, line.words.PRONOUNS[line.s.children[who].gender][case]]
    if not line.s.pronoun_ok(who):
        line.say(forms[0], ("child", who))
        return
    line.pick("mention", (0, 1), forms.__getitem__, NAME_OR_PRONOUN, lambda i: ("child", who))


@slot
def who(line):
    mention(line, 0)


@slot
def whom(line):
    mention(line, 2)


@slot
def whose(line):
    mention(line, 1, "'s")


def pronoun(role, case):
    def fill(line):
        line.say(line.words.PRONOUNS[line.s.children[line.a[role]].gender][case])

    return fill


SLOTS |= {"he": pronoun("who", 0), "his": pronoun("who", 1), "him": pronoun("who", 2)}
SLOTS["other_again"] = pronoun("other", 0)


@slot
def other(line):
    line.say(line.child(line.a["other"]), ("child", line.a["other"]))


@slot
def all_(line):
    children = line.s.children
    if len(children) == 1:
        line.a["who"] = 0
        mention(line, 0)
        return
    names = line.words.join([line.name(c.name) for c in children])
    they = line.words.they({c.gender for c in children})
    line.pick("mention", (0, 1), (names, they).__getitem__)


@slot
def child(line):
    line.say(line.words.CHILD[line.a["gender"]])


@slot
def a_trait(line):
    line.a["trait"] = line.pick("trait", range(len(english.TRAITS)), line.words.trait)


@slot
def name(line):
    """A new name, ordinary or made up syllable by syllable, that nobody in the story has yet."""
    choose, words, taken = line.chooser.choose, line.words, line.s.names()
    gender = line.a.get("gender") or choose("ending", ("girl", "boy"))
    tag = ("animal",) if line.kind == "name_animal" else ("child", len(line.s.children))
    shape = choose("shape", (1, 2, 3), (2, 1, 1))
    if shape == 1:
        free = [i for i in range(len(words.NAMES[gender])) if (gender, i) not in taken]
        i = line.pick("ordinary name", free, words.NAMES[gender].__getitem__, None, lambda i: tag)
        line.a["name"] = (gender, i)
        return
    made = [gender, line.pick("first", range(len(words.FIRST)), words.FIRST.__getitem__)]
    if shape == 3:
        made.append(line.pick("middle", range(len(words.MIDDLE)), words.MIDDLE.__getitem__))
    free = [i for i in range(len(words.LAST[gender])) if (*made, i) not in taken]
    last = line.pick("last", free, words.LAST[gender].__getitem__, None, lambda i: (*tag, "last"))
    line.a["name"] = (*made, last)


@slot
def a_animal(line):
    pairs = [(m, k) for m in range(len(english.MANNERS)) for k in range(N_ANIMALS)]
    manner, kind = line.pick(
        "animal", pairs, lambda p: line.words.a_animal(*p), None, lambda p: ("animal",)
    )
    line.a["manner"], line.a["animal"] = manner, kind


@slot
def animal(line):
    line.say(line.words.animal(line.s.animal.kind), ("animal",))


@slot
def the_animal(line):
    line.say(line.words.the_animal(line.s.animal.kind), ("animal",))


@slot
def pet(line):
    pet = line.s.animal
    named = line.name(pet.name) if pet.name else line.words.the_animal(pet.kind)
    line.say(named, ("animal",))


@slot
def a_food(line):
    foods = list(range(N_FOODS))
    if line.kind == "feed":
        animal = line.s.animal.kind
        foods = [f for f in foods if allowed(food_held_out(animal, f), line.s.split)]
    line.a["food"] = line.pick("food", foods, line.words.a_food, None, lambda f: ("food", f))


@slot
def likes(line):
    known = line.s.children[line.a["who"]].likes
    new = [i for i in range(N_FOODS + N_ANIMALS) if i not in known]
    line.a["likes"] = line.pick("likes", new, line.words.likes)
