"""The grammar of ToyTown: one function that writes the next sentence through a chooser.

Writing a story runs it with a sampler; reading one runs the same code with a matcher.
"""

from __future__ import annotations

from .events import available
from .slots import LANGUAGES, SLOTS, Line, template
from .world import State


def write_sentence(state: State, chooser, language: str, options=None) -> tuple[str, dict]:
    """Choose what happens next and say it. Returns the kind of event and what it is about.

    The state is only read; `events.apply` changes it. `options` may replace what is available.
    """
    words = LANGUAGES[language]
    kinds, weights, bindings = options or available(state)
    kind = chooser.choose("kind", kinds, weights)
    about = dict(chooser.choose("binding", bindings[kind]))
    wording = chooser.choose("wording", words.WORDINGS[kind])
    line = Line(chooser, state, words, kind, about)
    if state.kinds:
        chooser.say(words.SPACE)
    for literal, slot_name in template(wording):
        line.say(literal)
        if slot_name:
            SLOTS[slot_name](line)
    return kind, line.a
