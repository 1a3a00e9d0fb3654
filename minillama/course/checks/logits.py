"""The checks of the repetition penalty and of the temperature, by hand and by loops."""

from collections.abc import Iterator
from typing import Any

import torch

from minillama.course.checking import Check, Mistake
from minillama.course.probing import Case, call

PROBABILITIES = (
    "Probabilities come back in place of logits. Softmax is taken once, at the end, after all "
    "changes of the logits."
)

apply_repetition_penalty = Check(
    "apply_repetition_penalty",
    "transforms",
    hints={
        "apply_repetition_penalty": "Where a token was seen, a positive logit is divided by the "
        "penalty and any other multiplied; torch.where chooses twice.",
    },
    mistakes=(
        Mistake(
            "always-divided",
            "Negative logits are divided too. That brings them nearer to 0, so what was seen "
            "becomes more likely where it should become less: multiply them.",
            {"torch.where(logits > 0, logits / penalty, logits * penalty)": "logits / penalty"},
        ),
        Mistake(
            "always-multiplied",
            "Positive logits are multiplied too, and so rise: divide them.",
            {"torch.where(logits > 0, logits / penalty, logits * penalty)": "logits * penalty"},
        ),
        Mistake(
            "signs-swapped",
            "It works the wrong way round: what was seen becomes more likely. Divide positive "
            "logits, and multiply negative ones.",
            {"logits / penalty, logits * penalty": "logits * penalty, logits / penalty"},
        ),
        Mistake(
            "subtracted",
            "The penalty is subtracted. It is a factor: 1 is to change nothing.",
            {"torch.where(logits > 0, logits / penalty, logits * penalty)": "logits - penalty"},
        ),
        Mistake(
            "on-probabilities",
            "This divides the probabilities (a logarithm less is a quotient). The penalty divides "
            "or multiplies the logits themselves.",
            {"torch.where(logits > 0, logits / penalty, logits * penalty)":
             "logits - math.log(penalty)"},
        ),
        Mistake(
            "all-tokens",
            "Every token is penalised, seen or not.",
            {"torch.where(seen, penalized, logits)": "penalized"},
        ),
        Mistake(
            "unseen-penalised",
            "The tokens that were not seen are penalised, and those that were are not.",
            {"(seen, penalized, logits)": "(seen, logits, penalized)"},
        ),
        Mistake(
            "others-zeroed",
            "The tokens that were not seen get a logit of 0. They keep the logit they have.",
            {"torch.where(seen, penalized, logits)": "penalized * seen"},
        ),
        Mistake(
            "forbidden",
            "What was seen is forbidden altogether. The penalty makes it less likely, no more.",
            {"(seen, penalized, logits)": "(seen, -torch.inf, logits)"},
        ),
        Mistake(
            "rows-mixed",
            "A token seen in one row is penalised in all rows. Each row is a text of its own.",
            {"(seen, penalized": "(seen.any(0), penalized"},
        ),
        Mistake(
            "first-row-only",
            "All rows are penalised for what was seen in the first. Each row is a text of its own.",
            {"(seen, penalized": "(seen[:1], penalized"},
        ),
        Mistake(
            "no-penalty",
            "Nothing is penalised.",
            {"(seen, penalized, logits)": "(seen, logits, logits)"},
        ),
        Mistake(
            "probabilities",
            PROBABILITIES,
            {"torch.where(seen, penalized, logits)":
             "torch.where(seen, penalized, logits).softmax(-1)"},
        ),
    ),
)  # fmt: skip


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


apply_temperature = Check(
    "apply_temperature",
    "transforms",
    hints={"apply_temperature": "One division."},
    mistakes=(
        Mistake(
            "multiplied",
            "The logits are multiplied, so a high temperature makes the likely tokens likelier "
            "still. Divide.",
            {"logits / temperature": "logits * temperature"},
        ),
        Mistake(
            "not-used",
            "The temperature is not used.",
            {"logits / temperature": "logits.clone()"},
        ),
        Mistake(
            "probabilities-divided",
            "Probabilities are divided and not logits. Their proportions stay as they are by "
            "that, and they no longer add up to 1.",
            {"logits / temperature": "logits.softmax(-1) / temperature"},
        ),
        Mistake(
            "probabilities",
            PROBABILITIES,
            {"logits / temperature": "(logits / temperature).softmax(-1)"},
        ),
        Mistake(
            "log-probabilities",
            "Logarithms of probabilities are divided, and not the logits as they are. Softmax "
            "would not notice, but a penalty that follows would: it goes by a logit's sign.",
            {"logits / temperature": "logits.log_softmax(-1) / temperature"},
        ),
        Mistake(
            "shifted",
            "The largest logit is subtracted first. Softmax does that itself; the logits are only "
            "to be divided.",
            {"logits / temperature": "(logits - logits.amax(-1, keepdim=True)) / temperature"},
        ),
        Mistake(
            "root",
            "The logits are divided by the root of the temperature.",
            {"logits / temperature": "logits / temperature**0.5"},
        ),
        Mistake(
            "squared",
            "The logits are divided by the square of the temperature.",
            {"logits / temperature": "logits / temperature**2"},
        ),
        Mistake(
            "power",
            "The logits are raised to a power. It is the probabilities that dividing the logits "
            "raises to the power 1 / temperature; a negative logit has no such power.",
            {"logits / temperature": "logits ** (1 / temperature)"},
        ),
        Mistake(
            "subtracted",
            "The temperature is subtracted from all logits alike, and softmax does not notice "
            "that at all: divide by it.",
            {"logits / temperature": "logits - temperature"},
        ),
        Mistake(
            "whole-numbers",
            "The quotients are rounded down to whole numbers: that is //, and / is meant.",
            {"logits / temperature": "logits // temperature"},
        ),
    ),
)  # fmt: skip


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
