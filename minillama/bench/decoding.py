"""Generation speed: tokens a second of one text and of many at once, beside transformers."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median

import torch

from minillama.bench.limits import Limits
from minillama.bench.peers import have_peers, their_greedy, their_model
from minillama.bench.shapes import Shape, matmul_parameters
from minillama.bench.turns import Ratio, Work, faster, in_turns
from minillama.config import ModelConfig
from minillama.inference.compiled import compile_decoding
from minillama.inference.engine import generate, generate_batch
from minillama.inference.fused import fuse_decoding
from minillama.model import Llama
from minillama.system.machine import threads_for, using_threads
from minillama.training.checkpoint import new_model

THEIRS = "transformers"
EAGER = "minillama"


def _as_it_is(model: Llama) -> Llama:
    return model


def _fused(model: Llama) -> Llama:
    return fuse_decoding(copy.deepcopy(model))


def _fused_bfloat16(model: Llama) -> Llama:
    return fuse_decoding(copy.deepcopy(model).bfloat16())


def _compiled(model: Llama) -> Llama:
    return compile_decoding(copy.deepcopy(model))


def _compiled_bfloat16(model: Llama) -> Llama:
    return compile_decoding(copy.deepcopy(model).bfloat16())


# Our ways to write, each made of the same model. One more is a function and a line here.
UNCOMPILED: dict[str, Callable[[Llama], Llama]] = {
    EAGER: _as_it_is,
    "fused": _fused,
    "fused, bfloat16": _fused_bfloat16,
}
OURS = UNCOMPILED | {"compiled": _compiled, "compiled, bfloat16": _compiled_bfloat16}


@dataclass(frozen=True)
class DecodingSpeed:
    """One text, greedy, of new_tokens after prompt_tokens; and `rows` texts at once, not compiled.

    `seconds[rival]` are those of a whole text, one for each round; ratios say how many times faster
    each of ours is than transformers; agreeing, how many tokens from the first are the same.
    rows_ratios: the tokens a second of all rows together against those of one text as it is.
    limit: tokens a second if reading bytes_per_token were all there is to do, at the rate measured
    for as many bytes as the weights are.
    """

    shape: str
    parameters: int
    prompt_tokens: int
    new_tokens: int
    threads: int
    seconds: dict[str, list[float]]
    tokens_per_second: dict[str, float]
    ratios: dict[str, Ratio]
    agreeing: dict[str, int]
    rows: int
    rows_tokens_per_second: dict[str, float]
    rows_ratios: dict[str, Ratio]
    bytes_per_token: int
    limit: float


def decoding_speed(
    shape: Shape,
    at: Limits,
    rounds: int,
    prompt_tokens: int,
    new_tokens: int,
    rows: int,
    compiled: bool = True,
) -> DecodingSpeed:
    """Measure all in turns, on the threads that `minillama.generate` takes by itself.

    compiled: our compiled ways too, 10 to 20 seconds each. Raises ValueError without a compiler.
    """
    model = new_model(shape.config, 0).eval()
    generator = torch.Generator().manual_seed(0)
    size = (rows, prompt_tokens)
    prompts = torch.randint(shape.config.vocab_size, size, generator=generator).tolist()
    threads = decoding_threads(shape)
    texts: dict[str, list[int]] = {}

    def writing(name: str, write: Callable[[], list[int]]) -> Work:
        def work() -> None:
            texts[name] = write()

        return work

    def ours(model: Llama) -> list[int]:
        """The likeliest tokens after the first prompt."""
        return list(generate(model, prompts[0], max_new_tokens=new_tokens, temperature=0))

    def all_rows(model: Llama) -> None:
        for _ in generate_batch(model, prompts, max_new_tokens=new_tokens, temperature=0):
            pass

    models = {name: make(model) for name, make in (OURS if compiled else UNCOMPILED).items()}
    names = list(models)
    works = {name: writing(name, partial(ours, model)) for name, model in models.items()}
    if have_peers():
        peer = their_model(model).eval()
        works[THEIRS] = writing(THEIRS, partial(their_greedy, peer, prompts[0], new_tokens))
    with using_threads(threads):
        together = {f"rows, {name}": partial(all_rows, models[name]) for name in UNCOMPILED}
        seconds = in_turns(works | together, rounds)
    rows_seconds = {name: seconds.pop(f"rows, {name}") for name in UNCOMPILED}
    theirs = seconds.get(THEIRS)
    n_bytes = bytes_per_token(shape.config, prompt_tokens + new_tokens // 2)
    return DecodingSpeed(
        shape=shape.name,
        parameters=model.n_parameters,
        prompt_tokens=prompt_tokens,
        new_tokens=new_tokens,
        threads=threads,
        seconds=seconds,
        tokens_per_second={name: new_tokens / median(row) for name, row in seconds.items()},
        ratios={name: faster(seconds[name], theirs) for name in names} if theirs else {},
        agreeing={name: agreeing(texts[name], texts[THEIRS]) for name in names} if theirs else {},
        rows=rows,
        rows_tokens_per_second={
            name: rows * new_tokens / median(row) for name, row in rows_seconds.items()
        },
        rows_ratios={
            name: faster(row, seconds[EAGER], more=float(rows))
            for name, row in rows_seconds.items()
        },
        bytes_per_token=n_bytes,
        limit=1e9 * at.read_gb_s / n_bytes,
    )


def decoding_threads(shape: Shape) -> int:
    """The threads on which one token of a model of this shape is computed."""
    return threads_for(1, matmul_parameters(shape.config))


def agreeing(ours: Sequence[int], theirs: Sequence[int]) -> int:
    """How many tokens are the same from the first on."""
    n = min(len(ours), len(theirs))
    return next((i for i in range(n) if ours[i] != theirs[i]), n)


def bytes_per_token(config: ModelConfig, position: int) -> int:
    """What is read in float32 to write one token: the weights, and keys and values before it."""
    kept = 2 * config.n_layers * config.n_kv_heads * config.head_dim * position
    return 4 * (matmul_parameters(config) + kept)
