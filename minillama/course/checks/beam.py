"""The check of beam search, against every text there is, on models whose sums fit on a page."""

import math
from collections.abc import Collection, Iterator, Sequence
from itertools import product
from typing import Any

import torch
from torch import Tensor

from minillama.config import ModelConfig
from minillama.course.checking import Check
from minillama.course.checks.beam_mistakes import MISTAKES, NO_BEAMS
from minillama.course.probing import Case, Complaint, call, refusal
from minillama.model import Llama

DIM = 4  # of the toys, which keep a token in all of it

beam_search = Check(
    "beam_search",
    "beam",
    hints={
        "beam_search": "Refuse n_beams below 1. Keep the beginnings with their summed "
        "log-probabilities, and one row of the cache for each. Every step: add log_softmax of the "
        "logits to the sums, take the best of beginnings × vocabulary with one topk over all of "
        "them (divmod of its places tells beginning and token), set those that end aside with "
        "their score, and give every beginning that goes on the row of the cache that it came "
        "from: cache.keys[:, parents]. Keep more candidates than n_beams, since some end: n_beams "
        "must be able to go on. Write the loop without an early end first.",
    },
    mistakes=MISTAKES,
)


# After 0: 1 with probability 0.5 or 2 with 0.4. After 1 all is open, and after 2 comes 3.
DETOUR = torch.tensor([[0.02, 0.5, 0.4, 0.08], [0.25, 0.25, 0.2, 0.3], [0.02, 0.05, 0.03, 0.9],
                       [0.25, 0.25, 0.3, 0.2]]).log()[None]  # fmt: skip


class Toy(Llama):
    """A model of few tokens: the next one's logits are a sum of rows of tables, by `look`.

    It keeps the ids themselves in the cache, so a cache whose rows are mixed up tells.
    """

    def __init__(self, tables: Tensor) -> None:
        super().__init__(
            ModelConfig(
                dim=DIM,
                n_layers=1,
                n_heads=1,
                n_kv_heads=1,
                hidden_dim=DIM,
                vocab_size=tables.shape[-1],
                max_seq_len=16,
            )
        )
        self.tables = tables.double()  # (tokens back, token there, logits of the next)
        self.growth = growth(tables)
        self.read = list[int]()  # of a text by each forward
        self.longest = 0  # text of which anything was asked

    def forward(self, tokens: Tensor, cache: Any = None, documents: Tensor | None = None) -> Tensor:
        time, ids = tokens.shape[1], tokens
        if cache is not None:
            kept = tokens.float()[:, None, :, None].expand(-1, 1, -1, DIM)
            ids = cache.update(0, kept, kept)[0][:, 0, :, 0].round().long()
            cache.advance(time)
        self.read.append(time)
        self.longest = max(self.longest, ids.shape[1])
        logits = torch.zeros(*ids.shape, self.tables.shape[-1], dtype=torch.float64)
        for back, table in enumerate(self.tables):
            logits[:, back:] += table[ids[:, : ids.shape[1] - back]]
        positions = torch.arange(ids.shape[1])[:, None]
        return (logits * (1 + self.growth * positions))[:, -time:].float()


def growth(tables: Tensor) -> float:
    """How much larger logits become at each position, so that no two texts are alike probable."""
    return 0.0 if tables is DETOUR else 0.1


def look(tables: Tensor, text: Sequence[int]) -> list[float]:
    """The log-probabilities of what comes after a text, by the definition of softmax."""
    rows = [tables[back][text[-1 - back]].tolist() for back in range(min(len(tables), len(text)))]
    scale = 1 + growth(tables) * (len(text) - 1)
    logits = [scale * sum(column) for column in zip(*rows, strict=True)]
    norm = math.log(sum(math.exp(x) for x in logits))
    return [x - norm for x in logits]


def every_text(
    tables: Tensor, prompt: Sequence[int], most: int, penalty: float | int, stop: Collection[int]
) -> list[tuple[list[int], float]]:
    """All texts there are with their scores, best first."""
    found = {}
    for tokens in product(range(tables.shape[-1]), repeat=most):
        end = next((i + 1 for i, token in enumerate(tokens) if token in stop), most)
        text, total = tokens[:end], 0.0
        if text not in found:
            for i, token in enumerate(text):
                total += look(tables, [*prompt, *text[:i]])[token]
            found[text] = total / end**penalty
    return [(list(text), found[text]) for text in sorted(found, key=lambda t: -found[t])]


def a_beam(
    tables: Tensor,
    prompt: Sequence[int],
    beams: int,
    most: int,
    penalty: float | int,
    stop: set[int],
) -> list[tuple[list[int], float]]:
    """Beam search without a cache, tensors or an early end."""
    return race(tables, prompt, beams, most, penalty, stop)[0]


def race(
    tables: Tensor,
    prompt: Sequence[int],
    beams: int,
    most: int,
    penalty: float | int,
    stop: set[int],
) -> tuple[list[tuple[list[int], float]], int]:
    """Its texts, and after how many tokens nothing better could come."""
    going, ended, enough = [(0.0, list[int]())], list[tuple[list[int], float]](), most
    for length in range(1, most + 1):
        steps = [
            (total + more, [*text, token])
            for total, text in going
            for token, more in enumerate(look(tables, [*prompt, *text]))
        ]
        steps.sort(key=lambda step: -step[0])
        over = [s for s in steps[:beams] if s[1][-1] in stop or length == most]
        ended += [(text, total / length**penalty) for total, text in over]
        going = [s for s in steps if s[1][-1] not in stop][:beams]
        worst = sorted([score for _, score in ended], reverse=True)[:beams]
        hope = max(going[0][0] / n**penalty for n in (length + 1, most)) if going else -math.inf
        if not going or (len(worst) == beams and hope <= worst[-1]):
            enough = min(enough, length)
    return sorted(ended, key=lambda found: -found[1])[:beams], enough


def searched(
    answer: Any,
    model: Toy,
    prompt: list[int],
    n_beams: int,
    example: str,
    right: list[tuple[list[int], float]],
    **options: Any,
) -> Iterator[Case]:
    """The texts that an answer finds, and their scores, beside what is right."""
    got = call(answer, model, prompt, n_beams, **options)
    try:
        pairs = [([int(token) for token in text], float(score)) for text, score in got]
    except (TypeError, ValueError) as error:
        raise Complaint("gives no list of pairs (tokens, score).") from error
    words = f"{example}, n_beams = {n_beams}, " + ", ".join(
        f"{k} = {v}" for k, v in options.items()
    )
    yield Case([text for text, _ in pairs], [text for text, _ in right], f"{words}, as texts")
    scores, theirs = (torch.tensor([score for _, score in found]) for found in (pairs, right))
    yield Case(scores, theirs, f"{words}, as scores")


@beam_search.probe("a second beam finds the better text that begins worse")
def detour(beam_search: Any) -> Iterator[Case]:
    words = "p(1|0) = 0.5, p(3|1) = 0.3, p(2|0) = 0.4, p(3|2) = 0.9, the prompt [0]"
    right = [([2, 3], math.log(0.4 * 0.9)), ([1, 3], math.log(0.5 * 0.3))]
    options = {"max_new_tokens": 2, "length_penalty": 0}
    yield from searched(beam_search, Toy(DETOUR), [0], 2, words, right, **options)
    yield from searched(beam_search, Toy(DETOUR), [0], 1, words, right[1:], **options)


@beam_search.probe("a text ends with its stop token, and its score counts that")
def ends(beam_search: Any) -> Iterator[Case]:
    words = "the same, but 3 ends a text"
    for penalty in (0, 1, 2):
        options = {"max_new_tokens": 3, "length_penalty": penalty, "stop": {3}}
        right = a_beam(DETOUR, [2, 0], 2, 3, penalty, {3})
        yield from searched(beam_search, Toy(DETOUR), [2, 0], 2, words, right, **options)


@beam_search.probe("with beams enough it finds what is best of all texts")
def exhaustive(beam_search: Any) -> Iterator[Case]:
    words = "a vocabulary of 3, tokens that depend on the two before"
    tables = 1.5 * torch.randn(2, 3, 3, dtype=torch.float64)
    for penalty in (0.0, 1.0):
        right = every_text(tables, [0, 1], 4, penalty, {2})
        options = {"max_new_tokens": 4, "length_penalty": penalty, "stop": {2}}
        model = Toy(tables)
        yield from searched(beam_search, model, [0, 1], len(right), words, right, **options)


@beam_search.probe("few beams go on from the best beginnings, each with its own past")
def narrow(beam_search: Any) -> Iterator[Case]:
    words = "a vocabulary of 6, tokens that depend on the three before"
    for penalty, stop in ((0.0, set[int]()), (1.0, {5}), (1.5, {4, 5}), (-0.5, {5})):
        tables = torch.randn(3, 6, 6, dtype=torch.float64)
        right = a_beam(tables, [0, 3, 1], 3, 7, penalty, stop)
        options = {"max_new_tokens": 7, "length_penalty": penalty, "stop": stop}
        model = Toy(tables)
        yield from searched(beam_search, model, [0, 3, 1], 3, words, right, **options)
        most = max(model.read)
        example = f"{words}, a prompt of 3, for the most tokens of a text that a forward reads"
        yield Case(max(most, 3), 3, example)


@beam_search.probe("it is over when nothing better can come, and no sooner")
def over(beam_search: Any) -> Iterator[Case]:
    words = "a vocabulary of 4, tokens that depend on the one before"
    options = {"max_new_tokens": 9, "length_penalty": 1.0, "stop": {3}}
    for _ in range(6):
        tables = 2 * torch.randn(1, 4, 4, dtype=torch.float64)
        right, enough = race(tables, [0], 2, 9, 1.0, {3})
        model = Toy(tables)
        yield from searched(beam_search, model, [0], 2, words, right, **options)
        early = model.longest - 1 <= enough  # it may read what was chosen last, for nothing
        yield Case(early, True, f"{words}, for whether it is over with texts of {enough} tokens")
    if refusal(beam_search, Toy(DETOUR), [0], 0, max_new_tokens=2) != "a ValueError":
        raise Complaint(f"is not right yet. {NO_BEAMS}", "no-beams-accepted")
