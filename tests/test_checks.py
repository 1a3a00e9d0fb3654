"""Every check, tried on the reference and on each mistake that it claims to know."""

import inspect
from itertools import combinations

import pytest

from minillama.course import check
from minillama.course.checks import CHECKS
from minillama.course.comparing import same

MISTAKES = [
    pytest.param(check, number, id=f"{name}-{mistake.name}-{number}")
    for name, check in CHECKS.items()
    for number, mistake in enumerate(check.mistakes)
]


@pytest.mark.parametrize("name", CHECKS)
def test_the_reference_passes(name):
    result = CHECKS[name].run(CHECKS[name].reference)
    assert result.passed, result.message
    assert result.mistake is None and result.message.startswith(f"{name} is right.")


@pytest.mark.parametrize(("check", "number"), MISTAKES)
@pytest.mark.usefixtures("as_readers_run")
def test_a_mistake_is_found_and_named(check, number):
    mistake = check.mistakes[number]
    result = check.run(check.wrong(mistake))
    assert not result.passed
    assert result.mistake == mistake.name, result.message
    assert mistake.why in result.message


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.usefixtures("as_readers_run")
def test_mistakes_differ_on_the_probes(name):
    check = CHECKS[name]
    tried = [{title: check.tried(number, title) for title in check.probes}
             for number in range(len(check.mistakes))]  # fmt: skip
    for a, b in combinations(range(len(tried)), 2):
        alike = all(same(tried[a][title], tried[b][title]) for title in check.probes)
        assert not alike, f"{check.mistakes[a].name} and {check.mistakes[b].name} are one"


@pytest.mark.parametrize("name", CHECKS)
def test_it_knows_five_mistakes_and_has_a_hint_for_every_blank(name):
    check = CHECKS[name]
    whys = {}
    for mistake in check.mistakes:
        assert whys.setdefault(mistake.name, mistake.why) == mistake.why
        assert mistake.why.endswith(".") and mistake.name == mistake.name.lower().strip()
    assert len(whys) >= 5
    blanks = {name}
    if inspect.isclass(check.reference):
        members = vars(check.reference).items()
        blanks = {
            member
            for member, value in members
            if inspect.isfunction(value) or isinstance(value, property | classmethod | staticmethod)
        }
        blanks = {member for member in blanks if f"def {member}(" in check.source()}
    assert blanks == set(check.hints)
    assert all(hint.strip() for hint in check.hints.values())


def test_the_verdict_is_printed_and_returned(capsys):
    def apply_rope(x, cos, sin):
        return x

    result = check(apply_rope)
    assert not result.passed
    assert capsys.readouterr().out == result.message + "\n"
    assert check(CHECKS["apply_rope"].reference).passed
    assert check(apply_rope, "apply_rope").message == result.message


def test_an_unknown_name_lists_the_known_ones():
    def aply_rope():
        pass

    with pytest.raises(ValueError, match=r"no check for 'aply_rope'.* apply_rope, "):
        check(aply_rope)
