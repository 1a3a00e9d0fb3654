"""From what was asked for to a complete plan: what the clock has to decide before a run starts."""

import math
import time
from dataclasses import replace

from minillama.config import ModelConfig
from minillama.corpora import Corpus
from minillama.learn import new_training, take_step, validate, write_samples
from minillama.machine import fastest, memory_bytes, seconds_for, using_threads
from minillama.model import Llama
from minillama.recipe import DEFAULT_MINUTES, Plan, TrainConfig, draft
from minillama.weights.folder import hollow_model

LOOKS = 10  # how often a run saves, validates and samples on its way, but
LONGEST_WAIT = 180.0  # not less often than so many seconds
FINAL_LOOK = 4  # the last validation is on so many times more documents


def decide(
    asked: TrainConfig, model: Llama, corpus: Corpus, seconds_per_token: float, began: float
) -> Plan:
    """The plan of a run: threads, dtype, and how many steps the minutes allow, by measuring.

    model: one to try steps on; it is spoilt. seconds_per_token: for making the training data, which
    is still to come. began: the `time.perf_counter()` from which the minutes count.
    """
    plan = draft(asked)
    training = new_training(model, plan)

    def step(plan: Plan) -> None:
        batches = corpus.batches(plan)
        batch = [batches.batch(k) for k in range(plan.accumulate)]
        take_step(training, batch, replace(plan, steps=1000, warmup=1000))

    # A quarter of a batch is enough to tell which setting is faster.
    few_rows = replace(plan, batch_size=max(1, plan.batch_size // 4), accumulate=1)
    threads, dtype = fastest(
        lambda dtype: step(replace(few_rows, dtype=dtype)), asked.threads, asked.dtype
    )
    plan = replace(plan, threads=threads, dtype=dtype)
    steps, looks = asked.steps, LOOKS
    if steps is None:
        with using_threads(threads):
            step_seconds = seconds_for(lambda: step(plan))
            start = time.perf_counter()
            validate(training, corpus)
            write_samples(training, corpus)
            look_seconds = time.perf_counter() - start
        step_seconds += plan.accumulate * plan.batch_size * plan.seq_len * seconds_per_token
        minutes = DEFAULT_MINUTES if asked.minutes is None else asked.minutes
        left = minutes * 60 - (time.perf_counter() - began)
        looks = max(LOOKS, math.ceil(left / LONGEST_WAIT))
        left -= look_seconds * (looks - 1 + FINAL_LOOK)
        steps = max(1, int(left / step_seconds))
    return replace(
        plan,
        steps=steps,
        warmup=warmup_for(steps) if asked.warmup is None else asked.warmup,
        every=asked.every or math.ceil(steps / looks),
    )


def check_memory(shape: ModelConfig, plan: Plan) -> None:
    """Raise ValueError for a training that needs more memory than this machine has.

    Counted is only what is sure: 16 bytes for each weight (itself, its gradient and two moments),
    8 for each number of the logits (and their gradient), 24 for each place of a step's batches.
    """
    weights = hollow_model(shape).n_parameters
    tokens = plan.batch_size * plan.seq_len
    least = 16 * weights + 8 * tokens * shape.vocab_size + 24 * tokens * plan.accumulate
    memory = memory_bytes()
    if least > memory:
        raise ValueError(
            f"this training needs {least / 2**30:,.0f} GiB of memory at least, for {weights:,} "
            f"weights and batches of {tokens:,} tokens, and this machine has "
            f"{memory / 2**30:,.0f} GiB: choose a smaller preset, batch_size or seq_len"
        )


def warmup_for(steps: int) -> int:
    """A tenth of the run, but at least 200 steps, at most 1,000, and never over a quarter of it.

    Too short a warm-up costs more than a wrong peak: on ToyTown, a run of 585 steps ended at 1.33
    nats a token with 29 of them, after gradients of norm 16, and at 1.24 with 120 of them.
    """
    return min(max(steps // 10, 200), 1000, steps // 4)
