"""Training measured: tokens a second of each shape, beside the same steps of transformers."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median

import torch

from minillama.bench.limits import Limits
from minillama.bench.peers import have_peers, standard_loop, their_model
from minillama.bench.shapes import Shape, training_flops
from minillama.bench.turns import Ratio, Work, faster, in_turns
from minillama.data import IGNORED, Batch
from minillama.system.machine import fastest, keep_memory, using_threads
from minillama.training.checkpoint import new_model
from minillama.training.config import Plan
from minillama.training.step import new_training, take_step

OURS = "minillama"
AS_TRAINED = "minillama train"  # with the optimiser that it takes by default
TURN_SECONDS = 0.3  # of a turn at least, so that many steps of a small shape make one


@dataclass(frozen=True)
class TrainingSpeed:
    """One shape. `seconds[rival]` are those of a step, one for each round.

    tokens_per_second counts targets; ratios say how many times faster OURS is than the rival.
    of_limit: the share that OURS reaches of the fastest matrix product in this type.
    """

    shape: str
    parameters: int
    batch_size: int
    seq_len: int
    threads: int
    dtype: str
    seconds: dict[str, list[float]]
    tokens_per_second: dict[str, float]
    ratios: dict[str, Ratio]
    flops_per_token: int
    of_limit: float


def settings(shape: Shape, threads: int | None) -> tuple[int, str]:
    """The threads (unless given) and the dtype that `minillama train` would choose here."""
    batch = shape.batch()
    few = max(1, shape.batch_size // 4)
    documents = None if batch.documents is None else batch.documents[:few]
    batch = Batch(batch.tokens[:few], batch.targets[:few], documents)
    training = new_training(new_model(shape.config, 0), shape.plan(1, "float32"))
    return fastest(lambda dtype: take_step(training, [batch], shape.plan(1, dtype)), threads)


def training_speed(
    shape: Shape, threads: int, dtype: str, rounds: int, at: Limits
) -> TrainingSpeed:
    """Measure a shape, all rivals in turns. `at` holds the limits for so many threads.

    All run on the same threads, in a process that keeps its memory as `minillama train` does, which
    helps transformers too. Ours keeps the documents of a row apart where it has several;
    transformers, in its standard loop, does not.
    """
    keep_memory()
    batch = shape.batch()
    n_targets = int((batch.targets != IGNORED).sum())
    with using_threads(threads):
        rivals = _rivals(shape, batch, threads, dtype)
        steps = steps_in_a_turn(rivals[OURS])
        works = {name: partial(_times, work, steps) for name, work in rivals.items()}
        turns = in_turns(works, rounds)
    seconds = {name: [s / steps for s in row] for name, row in turns.items()}
    flops = training_flops(shape.config, shape.seq_len)
    return TrainingSpeed(
        shape=shape.name,
        parameters=new_model(shape.config, 0).n_parameters,
        batch_size=shape.batch_size,
        seq_len=shape.seq_len,
        threads=threads,
        dtype=dtype,
        seconds=seconds,
        tokens_per_second={name: n_targets / median(row) for name, row in seconds.items()},
        ratios={name: faster(seconds[OURS], row) for name, row in seconds.items() if name != OURS},
        flops_per_token=flops,
        of_limit=flops * shape.tokens / median(seconds[OURS]) / at.flops(dtype),
    )


def _rivals(shape: Shape, batch: Batch, threads: int, dtype: str) -> dict[str, Work]:
    """A step of each. One more variant of ours is one more line."""
    rivals: dict[str, Work] = {OURS: our_step(shape, batch, shape.plan(threads, dtype, "adamw"))}
    default = shape.plan(threads, dtype)
    if shape.preset is not None and default.optimizer != "adamw":
        rivals[AS_TRAINED] = our_step(shape, batch, default)
    for theirs in ("float32", "bfloat16") if have_peers() else ():
        model = their_model(new_model(shape.config, 0)).train()
        optimizer = torch.optim.AdamW(model.parameters(), lr=default.lr)
        step = standard_loop(model, theirs, optimizer, default.clip)
        rivals[f"transformers {theirs}"] = partial(step, batch)
    return rivals


def our_step(shape: Shape, batch: Batch, plan: Plan) -> Callable[[], float]:
    """A step of ours on the batch, each time from where the last one ended; gives the loss."""
    training = new_training(new_model(shape.config, 0), plan)
    return lambda: take_step(training, [batch], plan)[0]


def steps_in_a_turn(work: Work) -> int:
    """How many of these a turn needs to be long enough for the clock; at most two are tried."""
    for _ in range(2):  # the first one of a process can be much slower
        start = time.perf_counter()
        work()
        seconds = time.perf_counter() - start
        if seconds > TURN_SECONDS:
            return 1
    return math.ceil(TURN_SECONDS / seconds)


def _times(work: Work, n: int) -> None:
    for _ in range(n):
        work()
