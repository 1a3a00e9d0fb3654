"""What hypothesis draws to do damage with, and what an error must be like."""

import json
import random

from hypothesis import strategies as st


def assert_a_sentence(error):
    assert isinstance(error, ValueError | OSError) and not isinstance(error, UnicodeError)
    said = str(error)
    assert said and "\n" not in said and len(said) < 1000


# Nothing between small and absurd: a run of a million steps may be meant, and would take its time.
odd_values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 5),
    st.integers(min_value=2**62) | st.integers(max_value=-(2**62)),
    st.floats(),
    st.text(max_size=5),
    st.just([]),
    st.just({}),
)


@st.composite
def damages(draw):
    """A function from the bytes of a file to others."""
    kind = draw(st.sampled_from(["anything", "cut", "bytes", "values", "lost"]))
    if kind == "anything":
        content = draw(st.binary(max_size=200))
        return lambda whole: content
    if kind == "cut":
        share = draw(st.floats(0, 1))
        return lambda whole: whole[: int(share * len(whole))]
    if kind == "lost":
        return lambda whole: None
    places = draw(st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), min_size=1))
    seed, value = draw(st.integers(0, 10**6)), draw(odd_values)

    def change_bytes(whole):
        changed = bytearray(whole)
        for share, byte in places[:4] if whole else ():  # a lock is an empty file
            changed[int(share * min(len(whole), 3000))] = byte
        return bytes(changed)

    def change_values(whole):
        try:
            values = json.loads(whole)
        except ValueError:
            return change_bytes(whole)
        choose = random.Random(seed).choice
        inside = values
        while isinstance(inside[key := choose(sorted(inside))], dict) and seed % 5:
            inside = inside[key]
        inside[key] = value
        return json.dumps(values).encode()

    return change_values if kind == "values" else change_bytes
