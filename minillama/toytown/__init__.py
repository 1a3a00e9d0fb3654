"""ToyTown: a small simulated town whose stories have exact probabilities and true labels."""

from .judge import Verdict, judge
from .reader import PrefixReader, whole_sentences
from .story import Story, parse, prefix_log_prob, story
from .world import SPLITS

__all__ = [
    "SPLITS",
    "PrefixReader",
    "Story",
    "Verdict",
    "judge",
    "parse",
    "prefix_log_prob",
    "story",
    "whole_sentences",
]
