"""The report on the machine: what it measures, and what it tells a reader to run."""

import re
import shlex

import pytest

from minillama.bench import installation
from minillama.cli import main


@pytest.fixture
def report(monkeypatch, capsys):
    """The report, with learning measured as half a second a step; and what was printed."""
    monkeypatch.setattr(installation, "seconds_for", lambda step: 0.5)
    made = installation.machine_report()
    return made, capsys.readouterr().out


def test_it_says_that_all_works_and_how_fast(report):
    made, out = report
    assert out.endswith("\nEverything works.\n")
    [learning] = re.findall(r"^learning +([\d,]+) tokens a second", out, re.MULTILINE)
    assert int(learning.replace(",", "")) == made.tokens_learnt_per_second
    [million] = re.findall(r"would read ([\d.]+) million tokens", out)
    assert float(million) == round(made.tokens_learnt_per_second * 60 * 5 / 1e6, 1)
    assert made.tokens_written_per_second > 1


def test_the_command_that_it_names_is_one_that_everybody_has(report, monkeypatch):
    """Not a Makefile's, which stands in a clone only."""
    [command] = re.findall(r"^`(.*)` would read", report[1], re.MULTILINE)
    program, *arguments = shlex.split(command)
    assert program == "minillama" and ("make" not in command)
    ran = []
    monkeypatch.setattr("minillama.cli.train.run", ran.append)
    assert main(arguments) == 0
    assert (ran[0].preset, ran[0].minutes) == ("small", 5)


def test_a_model_that_writes_no_sentences_is_an_error(monkeypatch):
    monkeypatch.setattr(installation, "judge", lambda text: installation.story)
    monkeypatch.setattr(installation.story, "grammatical", False, raising=False)
    with pytest.raises(RuntimeError, match="install minillama anew"):
        installation.machine_report()
