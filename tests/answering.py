"""Answers as readers write them, right and wrong, collected and held against the checks."""

import pytest

from minillama.course.registry import CHECKS
from minillama.course.source.blanks import BLANK


class Answers:
    """Collects answers: `@answers("name")` above a right one, `@answers("name", "mistake")` else.

    "?" stands for a mistake that has no name. `params` are what pytest's parametrize takes, and
    `names` those of the checks, once each.
    """

    def __init__(self):
        self.params = []

    def __call__(self, name, mistake=None):
        def collect(answer):
            self.add(name, answer, mistake, answer.__name__)
            return answer

        return collect

    def add(self, name, answer, mistake, label):
        self.params.append(pytest.param(name, answer, mistake, id=f"{name}-{label}"))

    @property
    def names(self):
        return sorted({param.values[0] for param in self.params})


def assert_verdict(name, answer, mistake):
    """A right answer passes; a wrong one is told its own mistake."""
    result = CHECKS[name].run(answer)
    named = None if mistake == "?" else mistake
    assert (result.passed, result.mistake) == (mistake is None, named), result.message


def assert_blank(name):
    """A blank is told that it is not written yet."""

    def blank(*args, **kwargs):
        raise NotImplementedError(BLANK)

    result = CHECKS[name].run(blank)
    assert (result.passed, result.mistake) == (False, "not-written")


def verdicts_of(answers):
    """Two tests for a module: each answer gets its verdict, and a blank is told that it is one."""

    @pytest.mark.parametrize(("name", "answer", "mistake"), answers.params)
    def test_an_answer_gets_its_verdict(name, answer, mistake):
        assert_verdict(name, answer, mistake)

    @pytest.mark.parametrize("name", answers.names)
    def test_a_blank_is_not_written_yet(name):
        assert_blank(name)

    return test_an_answer_gets_its_verdict, test_a_blank_is_not_written_yet
