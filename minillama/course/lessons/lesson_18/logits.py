"""The checks of the repetition penalty and of the temperature, by hand and by loops."""

from collections.abc import Iterator
from typing import Any

import torch

from minillama.course.checking.answer import Case, call
from minillama.course.checking.check import Check

apply_repetition_penalty = Check("apply_repetition_penalty", "transforms")


@apply_repetition_penalty.probe("four tokens, by hand")
def four_tokens(apply_repetition_penalty: Any) -> Iterator[Case]:
    logits = torch.tensor([[2.0, -2.0, 0.0, 2.0]])
    seen = torch.tensor([[True, True, True, False]])
    example = "logits [2, -2, 0, 2], of which the first three were seen, and penalty"
    got = call(apply_repetition_penalty, logits, seen, 2.0)
    yield Case(got, torch.tensor([[1.0, -4.0, 0.0, 2.0]]), f"{example} 2")
    got = call(apply_repetition_penalty, logits, seen, 0.5)
    yield Case(got, torch.tensor([[4.0, -1.0, 0.0, 2.0]]), f"{example} 0.5")


@apply_repetition_penalty.probe("each row has its own tokens that were seen")
def rows_apart(apply_repetition_penalty: Any) -> Iterator[Case]:
    logits = torch.tensor([[2.0, -2.0], [2.0, -2.0]])
    seen = torch.tensor([[True, False], [False, True]])
    got = call(apply_repetition_penalty, logits, seen, 2)
    example = "logits [2, -2] in both rows, the first seen in one and the second in the other"
    yield Case(got, torch.tensor([[1.0, -2.0], [2.0, -4.0]]), f"{example}, and penalty 2")


@apply_repetition_penalty.probe("many tokens agree with a loop over them")
def many_tokens(apply_repetition_penalty: Any) -> Iterator[Case]:
    logits, seen = 3 * torch.randn(3, 20, dtype=torch.float64), torch.rand(3, 20) < 0.4
    right = [
        [x if not there else x / 1.7 if x > 0 else x * 1.7 for x, there in zip(*row, strict=True)]
        for row in zip(logits.tolist(), seen.tolist(), strict=True)
    ]
    got = call(apply_repetition_penalty, logits, seen, 1.7)
    yield Case(got, torch.tensor(right, dtype=torch.float64), "penalty 1.7", "batch vocab_size")


apply_temperature = Check("apply_temperature", "transforms")


@apply_temperature.probe("three tokens, by hand")
def three_tokens(apply_temperature: Any) -> Iterator[Case]:
    logits = torch.tensor([[3.0, 1.0, -2.0]])
    got = call(apply_temperature, logits, 0.5)
    yield Case(got, torch.tensor([[6.0, 2.0, -4.0]]), "logits [3, 1, -2] and temperature 0.5")
    got = call(apply_temperature, logits, 2)
    yield Case(got, torch.tensor([[1.5, 0.5, -1.0]]), "logits [3, 1, -2] and temperature 2")


@apply_temperature.probe("it raises probabilities to the power of 1 / temperature")
def powers(apply_temperature: Any) -> Iterator[Case]:
    probabilities = torch.rand(3, 10, dtype=torch.float64).softmax(-1)
    got = call(apply_temperature, probabilities.log(), 0.7)
    right = probabilities ** (1 / 0.7)
    example = "random probabilities and temperature 0.7, as their proportions"
    yield Case(got.exp() / right, torch.ones(3, 10, dtype=torch.float64), example)
