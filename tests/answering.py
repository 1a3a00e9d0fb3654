r"""Answers as readers write them, right and wrong, as text, and each with its verdict.

    join_heads(x)
    - right: x.transpose(1, 2).flatten(2)
    - summed: x.sum(dim=1)
    - ? "RuntimeError.*reshape": x.transpose(1, 2).view(*x.shape[::2], -1)

The verdict is "right", the name of a mistake, or "?" for a mistake that has no name. A regular
expression in quotes has to match the message. A body is an expression or statements; lines below
the signature begin every body. A name without a signature is a class's, and its bodies are classes.

    ~ overflows: old text => new text

edits the last answer that begins with a dash. Without an arrow, the text takes the place of what
that answer returns last. Lines that begin with # are comments.

Every known mistake of a check is tried by test_checks.py. What stands here comes to results of
its own: right answers in other styles than the package's, and wrong ones that differ in some
probe from the known mistake they are recognised as.
"""

import ast
import inspect
import re
from textwrap import dedent, indent

import pytest

from minillama.course.registry import CHECKS

# What an answer may use, beside everything in the module of the reference.
IMPORTS = """
import codecs, copy, math, os.path, random, re
from bisect import bisect_left, bisect_right
from collections import Counter
from functools import reduce
from itertools import accumulate, pairwise
import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from torch import nn
from minillama.rope import apply_rope, rope_frequencies
"""
ITEM = re.compile(r'([-~]) ([\w?-]+)(?: "(.*?)")?:[ \n](.*)', re.DOTALL)


def answers(text):
    """The name of the check, the verdict, the words and the source of every answer in a text."""
    for block in re.split(r"\n+(?=\w)", re.sub(r"(?m)^#.*", "", text).strip()):
        head, *items = re.split(r"\n(?=[-~] )", block)
        (signature, _, shared), last = head.partition("\n"), ""
        if not items:
            raise ValueError(f"there is no answer below {head!r}")
        for item in items:
            kind, verdict, words, body = ITEM.fullmatch(item).groups()
            body = dedent(body).strip()
            if kind == "~":
                source = edited(last, body)
            elif "(" in signature:
                body = indent(returned(body), "    ")
                source = last = f"def {signature}:\n{shared}\n{body}"
            else:
                source = last = body
            yield signature.partition("(")[0], verdict, words or "", source


def returned(body):
    """Statements as they are; an expression with the `return` before it."""
    try:
        ast.parse(body, mode="eval")
    except SyntaxError:
        return body
    return f"return ({body})"


def edited(source, edits):
    """A source with edits, one a line, each of a text that it contains once."""
    for edit in edits.splitlines():
        old, arrow, new = edit.partition(" => ")
        if not arrow:
            source = f"{source[: source.rindex('return ')]}return {edit}"
        elif source.count(old) != 1:
            raise ValueError(f"{old!r} is there {source.count(old)} times, not once")
        source = source.replace(old, new) if arrow else source
    return source


def verdicts(text):
    """A test for a module: every answer in the text gets its verdict."""
    found = [*answers(text)]

    @pytest.mark.parametrize(
        ("lesson", "name", "verdict", "words", "source"),
        [
            pytest.param(CHECKS.files[one[0]].parent, *one, id=f"{one[0]}-{one[1]}-{n}")
            for n, one in enumerate(found)
        ],
    )
    @pytest.mark.usefixtures("as_readers_run")
    def test_an_answer_gets_its_verdict(lesson, name, verdict, words, source):
        check = CHECKS[name]
        namespace = dict(vars(inspect.getmodule(check.reference)))
        exec(compile(IMPORTS + source, f"<{name}>", "exec"), namespace)
        result = check.run(namespace[name])
        mistake = None if verdict in ("right", "?") else verdict
        assert (result.passed, result.mistake) == (verdict == "right", mistake), result.message
        assert re.search(words, result.message, re.DOTALL), result.message

    return test_an_answer_gets_its_verdict
