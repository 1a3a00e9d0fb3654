"""The check of beam search, on models so small that every text there is can be looked at."""

import math
from collections.abc import Generator, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from minillama.config import ModelConfig
from minillama.course.checking.answer import Case, call, refusal
from minillama.course.checking.check import Check
from minillama.course.complaint import Complaint, Known
from minillama.model import Llama

Texts = list[tuple[list[int], float]]  # with their scores, best first

# After 0: 1 with probability 0.5 or 2 with 0.4. After 1 all is open, and after 2 comes 3.
DETOUR = torch.tensor([[0.02, 0.5, 0.4, 0.08], [0.25, 0.25, 0.2, 0.3], [0.02, 0.05, 0.03, 0.9],
                       [0.25, 0.25, 0.3, 0.2]]).double().log()[None]  # fmt: skip
OPEN = "p(1|0) = 0.5, p(3|1) = 0.3, p(2|0) = 0.4, p(3|2) = 0.9"


class Toy(Llama):
    """A model of few tokens: the next one's logits are a sum of rows of tables, by `look`.

    It keeps the ids themselves in the cache, so a cache whose rows are mixed up tells.
    """

    def __init__(self, tables: Tensor) -> None:
        n = tables.shape[-1]
        config = ModelConfig(
            dim=4, n_layers=1, n_heads=1, n_kv_heads=1, hidden_dim=4, vocab_size=n, max_seq_len=16
        )
        super().__init__(config)
        self.tables = tables  # (tokens back, token there, logits of the next)
        self.read = list[int]()  # of a text by each forward
        self.longest = 0  # text of which anything was asked

    def forward(self, tokens: Tensor, cache: Any = None, mask: Tensor | None = None) -> Tensor:
        time, ids = tokens.shape[1], tokens
        if cache is not None:
            kept = tokens.float()[:, None, :, None].expand(-1, 1, -1, 4)
            ids = cache.update(0, kept, kept)[0][:, 0, :, 0].round().long()
            cache.advance(time)
        self.read.append(time)
        self.longest = max(self.longest, ids.shape[1])
        logits = torch.zeros(*ids.shape, self.tables.shape[-1], dtype=torch.float64)
        for back, table in enumerate(self.tables):
            logits[:, back:] += table[ids[:, : ids.shape[1] - back]]
        sizes = torch.tensor([size(position) for position in range(ids.shape[1])])
        return (logits * sizes[:, None])[:, -time:].float()


def size(position: int) -> float:
    """Logits become larger at each position, so that no two texts are alike probable."""
    return 1 + 0.1 * max(position - 1, 0)


def look(tables: Tensor, text: Sequence[int]) -> list[float]:
    """The log-probabilities of what comes after a text, by the definition of softmax."""
    rows = [table[token].tolist() for table, token in zip(tables, reversed(text), strict=False)]
    logits = [size(len(text) - 1) * sum(column) for column in zip(*rows, strict=True)]
    norm = math.log(sum(math.exp(x) for x in logits))
    return [x - norm for x in logits]


def tables(back: int, vocab_size: int) -> Tensor:
    return torch.randn(back, vocab_size, vocab_size, dtype=torch.float64)


def race(
    tables: Tensor, prompt: list[int], n: int, most: int, penalty: float | int, stop: set[int]
) -> tuple[Texts, int]:
    """What n beams find, and after how many tokens nothing better could come."""
    going, ended, enough = [(0.0, list[int]())], Texts(), most
    for length in range(1, most + 1):
        steps = [
            (total + more, [*text, token])
            for total, text in going
            for token, more in enumerate(look(tables, [*prompt, *text]))
        ]
        steps.sort(key=lambda step: -step[0])
        over = [s for s in steps[:n] if s[1][-1] in stop or length == most]
        ended += [(text, total / length**penalty) for total, text in over]
        ended = sorted(ended, key=lambda found: -found[1])[:n]
        going = [s for s in steps if s[1][-1] not in stop][:n]
        hope = max(going[0][0] / at**penalty for at in (length + 1, most)) if going else -math.inf
        if not going or (len(ended) == n and hope <= ended[-1][1]):
            enough = min(enough, length)
    return ended, enough


beam_search = Check("beam_search", "beam")


def searched(
    f: Any, words: str, tables: Tensor, prompt: list[int], n: int, *how: Any
) -> Generator[Case, None, tuple[Toy, int]]:
    """The texts that an answer finds, and their scores, beside what is right."""
    model, (right, enough), (most, penalty, stop) = Toy(tables), race(tables, prompt, n, *how), how
    options = {"max_new_tokens": most, "length_penalty": penalty, "stop": stop}
    got = call(f, model, prompt, n, **options)
    try:
        pairs = [([int(token) for token in text], float(score)) for text, score in got]
    except (TypeError, ValueError) as error:
        raise Complaint("gives no list of pairs (tokens, score).") from error
    told = {"prompt": prompt, "n_beams": n, **options}
    words += "".join(f", {name} = {value}" for name, value in told.items())
    yield Case([text for text, _ in pairs], [text for text, _ in right], f"{words}, as texts")
    scores, theirs = (torch.tensor([score for _, score in found]) for found in (pairs, right))
    yield Case(scores, theirs, f"{words}, as scores")
    return model, enough


@beam_search.probe("a second beam finds a better text that begins with a less likely token")
def detour(f: Any) -> Iterator[Case]:
    for n in (2, 1):
        yield from searched(f, OPEN, DETOUR, [0], n, 2, 0, set())


@beam_search.probe("a text ends with its stop token, which counts in its score")
def ends(f: Any) -> Iterator[Case]:
    for penalty in (0, 1, 2):
        yield from searched(f, OPEN, DETOUR, [2, 0], 2, 3, penalty, {3})


@beam_search.probe("with enough beams, it finds the best of all texts")
def exhaustive(f: Any) -> Iterator[Case]:
    words = "a vocabulary of 3, tokens that depend on the two before"
    for penalty in (0, 1):  # of 31 texts that there are
        yield from searched(f, words, 1.5 * tables(2, 3), [0, 1], 31, 4, penalty, {2})


@beam_search.probe("a few beams continue the best beginnings, each with its own past")
def narrow(f: Any) -> Iterator[Case]:
    words = "a vocabulary of 6, tokens that depend on the three before"
    for penalty, stop in ((0, set[int]()), (1, {5}), (1.5, {4, 5}), (-0.5, {5})):
        model, _ = yield from searched(f, words, tables(3, 6), [0, 3, 1], 3, 7, penalty, stop)
        if (most := max(model.read)) > 3:
            example = f"given {words}, and a prompt of 3, a forward reads {most} tokens of a text."
            raise Known("without-cache", f"\n  It shows where, {example}")


@beam_search.probe("it stops as soon as no better text is possible, and not before")
def over(f: Any) -> Iterator[Case]:
    words = "a vocabulary of 4, tokens that depend on the one before"
    for _ in range(6):
        model, enough = yield from searched(f, words, 2 * tables(1, 4), [0], 2, 9, 1, {3})
        early = model.longest - 1 <= enough  # it may read what was chosen last, for nothing
        yield Case(early, True, f"{words}, as whether it is over with texts of {enough} tokens")


@beam_search.probe("texts end at the model's context limit, and invalid input is rejected")
def fits(f: Any) -> Iterator[Case]:
    for name, prompt, n, right in (
        ("beyond-the-context", [0] * 13, 2, "texts of 3 tokens"),
        ("any-prompt-accepted", [], 2, "a ValueError"),
        ("any-prompt-accepted", [0, 4], 2, "a ValueError"),
        ("no-beams-accepted", [0], 0, "a ValueError"),
    ):
        found = Texts()
        how = refusal(lambda *args, to=found: to.extend(f(*args)), Toy(DETOUR), prompt, n)
        how = f"texts of {len(found[0][0])} tokens" if found else how
        if how != right:
            example = f"the prompt {prompt}, a vocabulary of 4, max_seq_len = 16 and n_beams = {n}"
            raise Known(name, f"\n  It shows where, given {example}: {how}, not {right}.")
    yield from ()
