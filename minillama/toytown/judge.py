"""The judge: could ToyTown have written each sentence, and do the facts stay straight?"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from itertools import chain

from .events import EVENTS
from .reader import LONGEST_SENTENCE, Reading, fitting, next_sentences, sentence_end
from .slots import LANGUAGES, SLOTS, spell, template
from .world import N_ANIMALS, N_COLOURS, N_FOODS, N_PLACES, N_THINGS, State


@dataclass(frozen=True)
class Verdict:
    """What the judge found.

    grammatical: every sentence is one that ToyTown could write in some story.
    consistent: they are also possible one after the other: who is there, who has what, how many,
    which colour, who feels how. finished: the story comes to its end, and nothing follows.
    """

    sentences: int
    valid_sentences: int
    consistent: bool
    finished: bool
    first_error: str | None

    @property
    def grammatical(self) -> bool:
        return self.sentences == self.valid_sentences > 0


def judge(text: str, language: str | None = None) -> Verdict:
    """Judge a text as a ToyTown story in `language` (guessed from the text where not said).

    Raises ValueError for a language that ToyTown does not write.
    """
    from .story import check_arguments, language_of

    language = language or language_of(text)
    state = State(split="any")
    check_arguments(language, "train", state.length)
    readings = [Reading(state)]
    position = valid = n = 0
    first_error = None
    while position < len(text):
        n += 1
        end = sentence_end(text, position + 1, language) or len(text)
        start = position + len(LANGUAGES[language].SPACE) * (n > 1)
        sentence = text[start:end]
        slots = recognise(sentence, language)
        valid += slots is not None
        if first_error is None:
            followed = follow(readings, text[:end], language, fitting(sentence, language))
            if slots is None:
                problem = "ToyTown has no such sentence"
            elif not followed:
                problem = explain(slots, readings[0].state, language)
            else:
                problem = None
                # More than one reading is rare and seldom lasts. But a text that says nothing but
                # "she" of three girls has three times as many after every sentence.
                readings = followed[:8]
            if problem:
                said = sentence.strip()[: LONGEST_SENTENCE + 1]
                first_error = f"sentence {n} ({said!r}): {problem}."
        position = end
    finished = first_error is None and any(r.ended for r in readings)
    return Verdict(n, valid, n > 0 and first_error is None, finished, first_error)


def follow(readings, text, language, only) -> list[Reading]:
    """The readings of the next sentence that the facts allow, whatever their probability."""
    found = []
    for reading in readings:
        if reading.ended:
            continue
        bindings = {k: b for k in only["kind"] if (b := EVENTS[k].bindings(reading.state))}
        kinds = sorted(bindings)
        if kinds:
            options = (kinds, [1] * len(kinds), bindings)
            after = next_sentences(reading, text, language, only, options)
            found += [r for r in after if isinstance(r, Reading) and r.position == len(text)]
    return found


# -- sentences out of context ----------------------------------------------------------------


def recognise(sentence: str, language: str) -> dict[str, str] | None:
    """The slots of the first wording that this sentence fits in some state, with its "kind"."""
    only = fitting(sentence, language)
    lowered = sentence[:1].lower() + sentence[1:]
    for kind, wording in sorted((k, w) for k in only["kind"] for w in only["wording"]):
        if wording in LANGUAGES[language].WORDINGS[kind]:
            pattern = typed_pattern(wording, language)
            match = pattern.fullmatch(sentence) or pattern.fullmatch(lowered)
            if match and genders_agree(match.groupdict(), language):
                return {"kind": kind, **match.groupdict()}
    return None


@cache
def typed_pattern(wording: str, language: str) -> re.Pattern:
    """A wording as a pattern whose slots take just what ToyTown could put there."""
    parts, seen = [], set()
    for literal, name in template(wording):
        parts.append(re.escape(literal))
        if name:
            pattern = slot_patterns(language)[name]
            parts.append(f"(?:{pattern})" if name in seen else f"(?P<{name}>{pattern})")
            seen.add(name)
    if parts and parts[0]:
        parts[0] = f"(?:{parts[0]}|{parts[0][0].lower()}{parts[0][1:]})"
    return re.compile("".join(parts))


def one_of(surfaces) -> str:
    return "|".join(sorted({re.escape(s) for s in surfaces}, key=len, reverse=True))


@cache
def slot_patterns(language: str) -> dict[str, str]:
    """For every slot a pattern of all that it may hold, made from the word lists."""
    w = LANGUAGES[language]
    made_up = f"(?:{one_of(w.FIRST)})(?:{one_of(w.MIDDLE)})?(?:{one_of(chain(*w.LAST.values()))})"
    name = f"(?:{one_of(chain(*w.NAMES.values()))}|{made_up})"
    subject, possessive, object_ = (
        one_of(forms[case] for forms in w.PRONOUNS.values()) for case in (0, 1, 2)
    )
    things = [(c, t) for c in range(N_COLOURS) for t in range(N_THINGS)]
    counts = [(n, i) for n in range(1, 11) for i in range(len(w.ITEMS))]
    animals = [(m, k) for m in range(len(w.MANNERS)) for k in range(N_ANIMALS)]
    they = one_of(w.they(g) for g in ({"girl"}, {"boy"}))
    pair, three = (re.escape(w.join(["@"] * n)).replace("@", name) for n in (2, 3))
    count = one_of(w.count(*p) for p in counts)
    number = one_of(w.number(*p) for p in counts)
    thing = one_of(w.thing(*p) for p in things)
    the_animal = one_of(map(w.the_animal, range(N_ANIMALS)))
    table = {
        **{"who": f"{name}|{subject}", "whom": f"{name}|{object_}"},
        "whose": f"{name}'s|{possessive}",
        **{"he": subject, "other_again": subject},
        **{"his": possessive, "him": object_, "other": name, "name": name},
        "all": f"{three}|{pair}|{name}|{they}|{subject}",
        "child": one_of(w.CHILD.values()),
        "a_trait": one_of(map(w.trait, range(len(w.TRAITS)))),
        "a_animal": one_of(w.a_animal(*p) for p in animals),
        "animal": one_of(map(w.animal, range(N_ANIMALS))),
        **{"the_animal": the_animal, "pet": f"{the_animal}|{name}"},
        "a_food": one_of(map(w.a_food, range(N_FOODS))),
        "likes": one_of(map(w.likes, range(N_FOODS + N_ANIMALS))),
        "a_thing": one_of(w.a_thing(*p) for p in things),
        "a_noun": one_of(map(w.a_noun, range(N_THINGS))),
        **{"thing": thing, "thing2": thing, "colour": one_of(w.COLOURS)},
        "thing_m": one_of(w.thing_m(*p) for p in things) if language == "zh" else thing,
        "spot": one_of(w.SPOTS),
        **{"n_items": count, "m_items": count, "total_items": count},
        **{"m": number, "left": number, "other_count": number},
        **{"weather": one_of(w.WEATHER), "change": one_of(w.CHANGES), "time": one_of(w.TIMES)},
        "place": one_of(map(w.place, range(N_PLACES))),
        "at_place": one_of(map(w.at_place, range(N_PLACES))),
        **{"game": one_of(w.GAMES), "song": one_of(w.SONGS), "mood": one_of(w.MOODS.values())},
    }
    assert table.keys() == SLOTS.keys(), table.keys() ^ SLOTS.keys()
    return table


def gender_of(surface: str, language: str) -> set[str]:
    """The genders that a name, a pronoun or a word for a child can have."""
    w = LANGUAGES[language]
    surface = surface.removesuffix("'s")
    genders = set()
    for gender in ("girl", "boy"):
        if surface in (*w.NAMES[gender], *w.PRONOUNS[gender], w.CHILD[gender]) or (
            surface.endswith(tuple(w.LAST[gender])) and surface.startswith(tuple(w.FIRST))
        ):
            genders.add(gender)
    return genders


AGREE = (("who", "whom", "whose", "he", "his", "him"), ("name", "child"))


def genders_agree(slots: dict[str, str], language: str) -> bool:
    """Whether "he" and "his" go with the child they stand for, and "a girl" with her name."""
    if "animal" in slots or "the_animal" in slots:  # an animal's name fits either
        slots = {k: v for k, v in slots.items() if k != "name"}
    for group in AGREE:
        genders = [gender_of(slots[s], language) for s in group if slots.get(s)]
        if genders and not set.intersection(*genders):
            return False
    return True


# -- what went wrong -------------------------------------------------------------------------


def explain(slots: dict[str, str], s: State, language: str) -> str:
    """In words, which fact of the story so far a sentence contradicts."""
    w = LANGUAGES[language]
    if s.kinds[-1:] == ["close"]:
        return "the story has already ended"
    if not s.children:
        return "a story begins by introducing somebody"
    names = {spell(w, c.name): i for i, c in enumerate(s.children)}
    animals = {spell(w, s.animal.name)} if s.animal and s.animal.name else set()
    for role in ("who", "whom", "whose", "other", "pet"):
        said = slots.get(role, "").removesuffix("'s")
        if gender_of(said, language) and said not in names and said not in animals:
            forms = {f for p in w.PRONOUNS.values() for f in p}
            if said in forms:
                return f"it is not clear who {said!r} is"
            return f"nobody called {said} has been met"
    subject = next((slots[r] for r in ("who", "whom", "whose") if slots.get(r)), "")
    who = names.get(subject.removesuffix("'s"), s.focus)
    for role in ("thing", "thing2", "thing_m"):
        if role in slots and (problem := explain_thing(slots[role], role, who, s, w)):
            return problem
    if "pet" in slots and (s.animal is None or not s.animal.here):
        return "there is no animal here"
    if "total_items" in slots and who is not None and s.item is not None:
        had = w.count(s.children[who].count, s.item)
        return f"it says {slots['total_items']}, but there were {had} before this sentence"
    if who is not None and (slots["kind"].startswith("feel_") or "mood" in slots):
        return f"the mood at this point is {w.MOODS[s.children[who].mood]}"
    return f"at this point of the story this cannot happen ({slots['kind']})"


def explain_thing(said: str, role: str, who: int | None, s: State, w) -> str | None:
    for thing in s.things:
        noun, full = w.THINGS[thing.noun], w.thing(thing.colour, thing.noun)
        if not said.endswith(noun):
            continue
        if not said.endswith(full):
            return f"the {noun} is {w.COLOURS[thing.colour]}"
        if thing.lost_at is not None:
            return f"the {full} is lost"
        if thing.broken:
            return f"the {full} is broken"
        if role != "thing2" and who is not None and thing.owner != who:
            return f"the {full} belongs to {spell(w, s.children[thing.owner].name)}"
        return None
    return f"no {said} has been mentioned"
