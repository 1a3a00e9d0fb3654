"""Every check, tried on the reference and on each mistake that it claims to know."""

import dataclasses
import inspect
import json
import linecache
import re
from itertools import combinations

import einops
import numpy as np
import pytest
import torch

from minillama.course import check
from minillama.course import complaint as probing
from minillama.course.checking import compare as comparing
from minillama.course.checking.answer import Case, call, run_probe
from minillama.course.checking.compare import same
from minillama.course.checking.mistakes import Mistake
from minillama.course.registry import CHECKS
from minillama.course.source.blanks import BLANK

attend, causal_mask = CHECKS["attend"].reference, CHECKS["causal_mask"].reference
# With its lesson's folder, so that `make check` knows which tests a change asks for.
LESSON = {name: file.parent for name, file in CHECKS.files.items()}
each_check = pytest.mark.parametrize(
    ("lesson", "name"), [pytest.param(LESSON[name], name, id=name) for name in CHECKS]
)
MISTAKES = [
    pytest.param(LESSON[name], check, number, id=f"{name}-{mistake.name}-{number}")
    for name, check in CHECKS.items()
    for number, mistake in enumerate(check.mistakes)
]


@each_check
def test_the_reference_passes(lesson, name):
    result = CHECKS[name].run(CHECKS[name].reference)
    assert result.passed, result.message
    assert result.mistake is None and result.message.startswith(f"{name} is right.")


@pytest.mark.parametrize(("lesson", "check", "number"), MISTAKES)
@pytest.mark.usefixtures("as_readers_run")
def test_a_mistake_is_found_and_named(lesson, check, number):
    mistake = check.mistakes[number]
    # `run` would try the mistake once more, to tell which it is.
    tried = {title: check.tried(number, title) for title in check.probes}
    result = check.verdict(tried)
    assert "NameError" not in str(tried)  # which is a slip of ours and no mistake of a reader's
    assert not result.passed
    assert result.mistake == mistake.name, result.message
    assert mistake.why in result.message


@each_check
@pytest.mark.usefixtures("as_readers_run")
def test_mistakes_differ_on_the_probes(lesson, name):
    check = CHECKS[name]
    tried = [{title: check.tried(number, title) for title in check.probes}
             for number in range(len(check.mistakes))]  # fmt: skip
    for a, b in combinations(range(len(tried)), 2):
        alike = all(same(tried[a][title], tried[b][title]) for title in check.probes)
        assert not alike, f"{check.mistakes[a].name} and {check.mistakes[b].name} are one"


@each_check
def test_it_knows_five_mistakes_and_has_a_hint_for_every_blank(lesson, name):
    check = CHECKS[name]
    whys = {}
    for mistake in check.mistakes:
        assert whys.setdefault(mistake.name, mistake.why) == mistake.why
        assert mistake.why.endswith(".") and mistake.name == mistake.name.lower().strip()
    assert len(whys) >= 5
    blanks = {name}
    if inspect.isclass(check.reference):
        blanks = {name for name in vars(check.reference) if f"    def {name}(" in check.source()}
    assert blanks == set(check.hints)
    assert all(hint.strip() for hint in check.hints.values())


@each_check
def test_a_blank_is_not_written_yet(lesson, name):
    def blank(*args, **kwargs):
        raise NotImplementedError(BLANK)

    result = CHECKS[name].run(blank)
    assert (result.passed, result.mistake) == (False, "not-written")


def softmax(scores):
    raise NotImplementedError(BLANK)


def test_a_blank_that_an_answer_only_calls_is_named():
    def one_head(x, w_q, w_k, w_v):
        return softmax(x @ w_q @ (x @ w_k).mT) @ x @ w_v

    message = CHECKS["one_head"].run(one_head).message
    assert "one_head calls softmax, which is not written yet" in message


def test_an_axis_of_a_type_that_is_taken_for_a_number_is_named():
    def attention_weights(q, k, mask=None):
        return (q @ k.mT / head_dim**0.5).softmax(-1)

    message = CHECKS["attention_weights"].run(attention_weights).message
    assert "head_dim only names an axis of a tensor" in message


@pytest.mark.parametrize("name", "loss_by_hand slope_by_nudging one_head".split())
@pytest.mark.usefixtures("as_readers_run")
def test_a_tuple_is_said_to_be_one(name):
    result = CHECKS[name].run(lambda *args: (CHECKS[name].reference(*args),))
    assert (result.passed, result.mistake) == (False, None)
    assert "it gives a tuple" in result.message
    assert "is right: is there a comma behind what it returns?" in result.message


def test_the_verdict_is_printed_and_returned(capsys):
    def apply_rope(x, cos, sin):
        return x

    result = check(apply_rope)
    assert not result.passed
    assert capsys.readouterr().out == result.message + "\n"
    assert check(CHECKS["apply_rope"].reference).passed
    assert check(apply_rope, "apply_rope").message == result.message


def test_an_unknown_name_gives_the_nearest_one(capsys):
    def loss_by_hnd(logits, targets):
        return 0

    result = check(loss_by_hnd)
    assert not result.passed and result.mistake is None
    assert result.message == "there is no check for 'loss_by_hnd': is loss_by_hand meant?"
    assert capsys.readouterr().out == result.message + "\n"
    text = check(lambda logits, targets: 0).message
    assert text == 'a lambda has no name: say what it is, as in check(f, "attend")'
    text = check(loss_by_hnd, "qqq").message
    assert text.startswith("there is no check for 'qqq'. There are checks for Attention, ")
    assert ", apply_rope, " in text


def test_what_is_no_function_is_not_checked(capsys):
    things = {"attend": "attend", torch.ones(2): "attend", None: "attend"}
    things |= {"causal_mask": "causal_mask", CHECKS["RMSNorm"].reference(4, 1e-5): "RMSNorm"}
    for thing, name in things.items():
        kind = "class" if name == "RMSNorm" else "function"
        result = check(thing)
        assert result.message == f"give check the {kind} itself, as in check({name})"
        assert (result.passed, result.mistake) == (False, None)
        assert capsys.readouterr().out == result.message + "\n"


def test_a_mistake_that_cannot_be_made_spares_the_verdict(monkeypatch):
    unfit = (Mistake("gone", "Because.", {"text that is not there": ""}),)
    changed = dataclasses.replace(CHECKS["apply_rope"], mistakes=unfit, _wrong={}, _tried={})
    with pytest.raises(ValueError, match="contains 0 times 'text that is not there', not once"):
        changed.wrong(unfit[0])
    result = changed.run(lambda x, cos, sin: x)
    assert not result.passed and result.mistake is None
    assert result.message.startswith("apply_rope is not right yet.\n  It shows where ")


def test_what_an_answer_prints_is_shown_where_it_first_goes_wrong(capsys):
    def wrong(time, keys, device=None):
        print(f"time {time}")
        if (time, keys) == (2, 4):
            print(*range(20), sep="\n")
            return torch.ones(2, 4).bool()
        return causal_mask(time, keys, device)

    right = CHECKS["causal_mask"].run(lambda *args: print("right") or causal_mask(*args))
    assert right.message.endswith(" you ask for")
    result = CHECKS["causal_mask"].run(wrong)
    printed = "".join(f"\n    {line}" for line in ["time 2", *range(9), "... and 11 lines more"])
    assert result.message.endswith(f" is right.\n    It printed:{printed}")
    result = CHECKS["causal_mask"].run(lambda time, keys: print("so far") or time.nothing)
    assert result.message.endswith("has no attribute 'nothing'\n    It printed:\n    so far")
    assert capsys.readouterr().out == ""


def test_an_exception_is_shown_at_the_readers_own_line(monkeypatch, tmp_path):
    # A library somewhere else than where packages usually are.
    file = tmp_path / "library.py"
    file.write_text("def fail():\n    raise RuntimeError('deep inside')\n", encoding="utf-8")
    library = {}
    exec(compile(file.read_text(encoding="utf-8"), str(file), "exec"), library)
    monkeypatch.setattr(einops, "__path__", [str(tmp_path)])
    probing.of_library.cache_clear()

    answers = {
        "deep inside": lambda *_: library["fail"](),
        "Expecting property": lambda *_: json.loads("{"),
        "": lambda *_: attend(torch.ones(1, 2), torch.ones(1, 3), torch.ones(1, 3)),
        "'int' object has no": lambda time, keys: torch.nn.functional.softmax(time, dim=0),
    }
    for words, answer in answers.items():
        message = CHECKS["causal_mask"].run(answer).message
        line = inspect.getsource(answer).strip()
        assert f" at the line `{line}`: {words}" in message, message
    probing.of_library.cache_clear()


def test_parameters_are_blamed_only_where_the_call_itself_fails():
    def too_few(time):
        return causal_mask(time, time)

    cure = "Keep the parameters as they were given in the blank."
    message = CHECKS["causal_mask"].run(too_few).message
    assert "positional arguments but" in message or "positional argument but" in message
    assert cure in message
    for inside in (
        lambda time, keys, device=None: torch.tril(torch.ones(time, keys), 0, 0, 0),
        lambda time, keys, device=None: too_few(time, keys),
    ):
        message = CHECKS["causal_mask"].run(inside).message
        assert "raises TypeError" in message and cure not in message


CAUSES = """
x @ x; swaps the last two axes
x @ x.T; `.T` reverses all axes
x - x.mean(-1); `keepdim=True`
x[0, 0, :2] * x; should this be a product of matrices
x.copy(); copy is `.clone()`
np.sum(x, axis=-1); Use PyTorch's function
x.sum().backward(); No gradients are recorded
x.transpose(1, 2).view(2, -1); Use `reshape`
x.reshape(2, 6 / 2, -1); Divide with `//`
x.max(-1) < x; `.values` or `.indices`
x if x > 0 else 0; write `is None`
~x; `.bool()`
raise ValueError("full"); Your own code refuses this
self, keys; stores it as `self.keys`
nothing.there; Check the spelling
"""


@pytest.mark.parametrize("line", CAUSES.strip().splitlines())
def test_an_exception_tells_its_shapes_and_its_likely_cause(line):
    (line, _, words), names = line.partition("; "), {"np": np, "torch": torch}
    code, file = f"def f(x, {'self' if 'self' in line else 'y'}):\n    {line}", f"<{line}>"
    linecache.cache[file] = (len(code), None, code.splitlines(True), file)
    exec(compile(code, file, "exec"), names)
    complaint = run_probe(lambda f: call(f, torch.ones(2, 3, 4), None), names["f"])[0]
    assert words in complaint.cause and f" at the line `{line}`" in str(complaint)
    assert ("x has the shape (2, 3, 4)" in str(complaint)) == bool(re.search(r"\bx\b", line))


SQUARE = torch.arange(9.0).view(3, 3) ** 2


@pytest.mark.parametrize(
    ("got", "right", "words"),
    [
        (SQUARE.mT, SQUARE, "transposed"),
        (SQUARE * 3, SQUARE, "3 times what it should be"),
        (SQUARE.flip(0), SQUARE, "wrong places"),
        (SQUARE * torch.linspace(1, 1.01, 9).view(3, 3), SQUARE, "almost right"),
        (SQUARE > 4, SQUARE <= 4, "True and False are exchanged"),
        (SQUARE.log() * 0, SQUARE, "NaN comes from"),
        (SQUARE.sum(), SQUARE, "Everything has become one number"),
        ([3, 1], [1, 3], "order"),
        (SQUARE.exp(), SQUARE, ""),
    ],
)
def test_a_wrong_result_tells_its_likely_cause(got, right, words):
    cause = comparing.likely(Case(got, right, "a boolean out of bounds"))
    assert words in cause and bool(words) == bool(cause)


ones, LONG = torch.ones, [*range(20)]
BOTH = "look at the axes time and keys of (time, keys)."
ONE = "look at the axis time of (time, keys)."
COMMA = "is there a comma behind what it returns?"
FIRST = "number {} is the first that is wrong: {}, and {} is right."
LEFT = "the first 3 are as they should be."


@pytest.mark.parametrize(
    ("got", "right", "words"),
    [
        (ones(2), torch.tensor(1.0), "its shape is (2,), and one number is right."),
        (ones(3, 2), ones(4, 5), "its shape is (3, 2), and (4, 5) is right: " + BOTH),
        (ones(3, 5), ones(4, 5), "its shape is (3, 5), and (4, 5) is right: " + ONE),
        (ones(2), 8, "it gives a tensor of the shape (2,), and 8 is right."),
        ((8, 9), 8, "it gives a tuple, (8, 9), and 8 is right."),
        ((8,), 8, "it gives a tuple, (8,), and 8 is right: " + COMMA),
        (["a"], True, "it gives a list, ['a'], and True is right."),
        (1, ones(()), "it gives an int, and a tensor is right."),
        (LONG, [*LONG[:5], 6, *LONG[6:]], f"it gives a list of 20; {FIRST.format(6, 5, 6)}"),
        ([0, *LONG], LONG, f"it gives a list of 21, and 20 are right; {FIRST.format(2, 0, 1)}"),
        ((1,) * 20, [1] * 20, "it gives a tuple of 20, and a list is right."),
        (LONG[:3], LONG, "it gives a list of 3, and 20 are right; " + LEFT),
        (0.176812, 0.176848, "it gives 0.17681, and 0.17685 is right."),
        (ones(1) * -0.176812, ones(1) * -0.176848, "it gives [-0.17681], and [-0.17685] is right."),
        (ones(4, 5), ones(4, 5) * 1.0002, "it gives 1 at [time 0, keys 0], and 1.0002 is right."),
        (ones(2, device="meta"), ones(2), "its device is meta, and cpu is right."),
    ],
)
def test_a_difference_in_words(got, right, words):
    assert comparing.wrong_with(Case(got, right, axes="time keys")) == words
    assert comparing.wrong_with(Case(right, right)) is None


def test_what_cannot_be_compared_is_no_crash():
    class Odd:
        def __eq__(self, other):
            raise RuntimeError("incomparable")

    words = comparing.wrong_with(Case(torch.eye(2).to_sparse(), torch.eye(2)))
    assert words.startswith("it gives a Tensor that cannot be compared: ")
    assert comparing.wrong_with(Case(Odd(), 3)).endswith(", and 3 is right.")
