"""What a story knows about itself: everything here is a function of the story's draws."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .choosers import Replayer
from .events import apply
from .grammar import write_sentence
from .slots import LANGUAGES, spell
from .world import State

# The English and Chinese phrases of summaries, by kind of event, most telling first.
CLAUSES = {
    "find_other": ("{who} found {other}'s {thing}", "{who}找到了{other}的{thing}"),
    "mend_other": ("{who} mended {other}'s {thing}", "{who}修好了{other}的{thing}"),
    "find_own": ("{who} found the {thing} again", "{who}又找到了{thing}"),
    "mend_own": ("{who} mended the {thing}", "{who}修好了{thing}"),
    "swap": (
        "{who} swapped the {thing} for {other}'s {thing2}",
        "{who}用{thing}换了{other}的{thing2}",
    ),
    "get": ("{who} got the {thing}", "{who}得到了{thing}"),
    "give": ("{who} gave {other} the {thing}", "{who}把{thing}给了{other}"),
    "lose": ("{who} lost the {thing}", "{who}丢了{thing}"),
    "break": ("{who} broke the {thing}", "{who}弄坏了{thing}"),
    "comfort": ("{who} comforted {other}", "{who}安慰了{other}"),
    "name_animal": ("{who} named the {animal} {pet}", "{who}给{animal}起名叫{pet}"),
    "share": ("{who} shared {items} with {other}", "{who}和{other}分了{items}"),
    "paint": ("{who} painted the {noun} {colour}", "{who}把{noun}涂成了{colour}"),
    "friend": ("{who} met {other}", "{who}认识了{other}"),
    "feed": ("{who} fed the {animal}", "{who}喂了{animal}"),
    "gather": ("{who} found {items}", "{who}找到了{items}"),
    "animal": ("{who} saw a {animal}", "{who}看见了{animal}"),
    "own": ("{who} had the {thing}", "{who}有{thing}"),
    "scene": ("{who} was out and about", "{who}出去玩"),
}
SUMMARY = {
    "en": ("{place}, {clauses}, and in the end {hero} was {mood}.", ", then "),
    "zh": ("在{place}，{clauses}，最后{hero}很{mood}。", "，然后"),
}
QUESTIONS = {
    "who_has": ("Who has the {thing} at the end?", "最后{thing}是谁的？"),
    "colour": ("What colour is the {noun} at the end?", "最后{noun}是什么颜色？"),
    "how_many": ("How many {item} does {who} have at the end?", "最后{who}有多少{item}？"),
    "likes": ("What does {who} like?", "{who}喜欢什么？"),
    "where": ("Where does the story begin?", "故事从哪里开始？"),
    "lost": ("What did {who} lose?", "{who}丢了什么？"),
    "found": ("Who found the {thing}?", "谁找到了{thing}？"),
    "mended": ("Who mended the {thing}?", "谁修好了{thing}？"),
    "called": ("What is the {animal} called?", "{animal}叫什么名字？"),
    "mood": ("How does {who} feel at the end?", "最后{who}觉得怎么样？"),
}


@dataclass(frozen=True)
class Entity:
    """A name or a noun in a story: text[start:end]. The same `key` is the same person or thing."""

    text: str
    start: int
    end: int
    kind: str  # PERSON, ANIMAL, THING, PLACE or FOOD
    key: str


@dataclass
class Sentence:
    text: str
    kind: str
    about: dict
    phrases: dict[str, str]  # who, other, thing, ... as they were when it was told


@dataclass
class Telling:
    """A story told again: its sentences, the final state, and where everything stands."""

    language: str
    text: str
    sentences: list[Sentence]
    state: State
    spans: list[tuple[int, int, tuple]]

    @property
    def words(self):
        return LANGUAGES[self.language]

    def child(self, i: int) -> str:
        return spell(self.words, self.state.children[i].name)

    def pet(self) -> str:
        """The name of the story's animal, empty where it has none."""
        animal = self.state.animal
        return spell(self.words, animal.name) if animal and animal.name else ""


def retell(draws, language: str, split: str, length: float) -> Telling:
    """Tell the story of these draws, in either language."""
    replayer, state, sentences = Replayer(), State(split, length), []
    for sentence_draws in draws:
        replayer.draws, done = sentence_draws, len(replayer.parts)
        before = state.copy()
        kind, about = write_sentence(state, replayer, language)
        apply(state, kind, about)
        text = "".join(replayer.parts[done:]).strip()
        phrases = _phrases(before, state, kind, about, LANGUAGES[language])
        sentences.append(Sentence(text, kind, about, phrases))
    return Telling(language, "".join(replayer.parts), sentences, state, replayer.spans)


def _phrases(before: State, after: State, kind: str, about: dict, words) -> dict[str, str]:
    names = [spell(words, c.name) for c in after.children]
    phrases = {role: names[about[role]] for role in ("who", "other") if role in about}
    if kind == "friend":
        phrases["other"] = names[-1]
    if kind in ("own", "get"):
        phrases["thing"] = words.thing(*about["pair"])
    for role in ("thing", "thing2"):
        if role in about:
            thing = before.things[about[role]]
            phrases[role] = words.thing(thing.colour, thing.noun)
            phrases["noun"] = words.THINGS[thing.noun]
    if "colour" in about:
        phrases["colour"] = words.COLOURS[about["colour"]]
    if after.animal:
        phrases["animal"] = words.animal(after.animal.kind)
        phrases["pet"] = spell(words, after.animal.name) if after.animal.name else ""
    if kind in ("gather", "share"):
        phrases["items"] = words.count(about.get("n") or about["m"], after.item)
    return phrases


KINDS = {"child": "PERSON", "animal": "ANIMAL", "thing": "THING", "place": "PLACE", "food": "FOOD"}


def entities(t: Telling) -> list[Entity]:
    found = []
    pronouns = {p for forms in t.words.PRONOUNS.values() for p in forms}
    for start, end, tag in t.spans:
        if tag[-1] == "last":  # the last syllable of a made-up name: the name ends here
            name = t.pet() if tag[0] == "animal" else t.child(tag[1])
            start = end - len(name)
        text = t.text[start:end]
        if tag[0] == "child":
            if text.lower() in pronouns:
                continue
            text = text.removesuffix("'s")
            end = start + len(text)
        elif tag[0] == "place":  # without its preposition
            named = t.words.place(tag[1]).removeprefix("the ")
            start, text = start + text.index(named), named
            end = start + len(named)
        else:  # without its article or measure word
            named = re.sub(r"^(?:an? |the |[一那这].)", "", text, flags=re.IGNORECASE)
            start, text = end - len(named), named
        key = "-".join(str(part) for part in tag[:2] if part != "last")
        found.append(Entity(text, start, end, KINDS[tag[0]], key))
    return found


def triples(t: Telling) -> list[tuple[str, str, str]]:
    words, state, facts = t.words, t.state, []
    first = t.sentences[0]
    facts.append((t.child(0), "trait", words.TRAITS[first.about["trait"]]))
    for i, child in enumerate(state.children):
        name = t.child(i)
        facts.append((name, "is a", words.CHILD[child.gender]))
        facts.append((name, "feels", words.MOODS[child.mood]))
        facts += [(name, "likes", words.likes(like)) for like in child.likes]
        if child.count:
            facts.append((name, "has", words.count(child.count, state.item)))
    for thing in state.things:
        relation = "lost" if thing.lost_at is not None else "has"
        facts.append((t.child(thing.owner), relation, words.thing(thing.colour, thing.noun)))
    if state.animal and t.pet():
        facts.append((t.pet(), "is a", words.animal(state.animal.kind)))
    facts.append((t.child(0), "is at", words.place(state.place)))
    return facts


def summary(t: Telling) -> str:
    in_chinese = t.language == "zh"
    frame, then = SUMMARY[t.language]
    rank = list(CLAUSES)
    told = [i for i, s in enumerate(t.sentences) if s.kind in CLAUSES]
    best = sorted(sorted(told, key=lambda i: (rank.index(t.sentences[i].kind), i))[:2])
    if len(best) > 1 and t.sentences[best[0]].kind == "scene":
        best = best[1:]
    clauses = [
        CLAUSES[t.sentences[i].kind][in_chinese].format(**t.sentences[i].phrases) for i in best
    ]
    place = t.words.at_place(t.sentences[1].about["place"])
    return frame.format(
        place=place[0].upper() + place[1:],
        clauses=then.join(clauses),
        hero=t.child(0),
        mood=t.words.MOODS[t.state.children[0].mood],
    )


def questions(t: Telling) -> list[tuple[str, str]]:
    words, state, asked = t.words, t.state, {}

    def ask(kind: str, answer: str, **phrases: str) -> None:
        asked[QUESTIONS[kind][t.language == "zh"].format(**phrases)] = answer

    for thing in state.things:
        if thing.lost_at is None:
            ask("who_has", t.child(thing.owner), thing=words.thing(thing.colour, thing.noun))
        ask("colour", words.COLOURS[thing.colour], noun=words.THINGS[thing.noun])
    for i, child in enumerate(state.children):
        if child.count:
            number = words.number(child.count, state.item)
            ask("how_many", number, who=t.child(i), item=words.item(state.item))
        if child.likes:
            ask("likes", words.likes(child.likes[-1]), who=t.child(i))
        ask("mood", words.MOODS[child.mood], who=t.child(i))
    ask("where", words.at_place(t.sentences[1].about["place"]))
    for s in t.sentences:
        if s.kind == "lose":
            ask("lost", s.phrases["thing"], who=s.phrases["who"])
        elif s.kind in ("find_own", "find_other"):
            ask("found", s.phrases["who"], thing=s.phrases["thing"])
        elif s.kind in ("mend_own", "mend_other"):
            ask("mended", s.phrases["who"], thing=s.phrases["thing"])
    if state.animal and t.pet():
        ask("called", t.pet(), animal=words.animal(state.animal.kind))
    return list(asked.items())
