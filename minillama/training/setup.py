"""Before the first step: the corpus, the plan and the training data, each made once and kept.

What only a clock can tell (threads, dtype, how many steps the minutes allow) is measured here.
"""

import math
import platform
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path

import torch

import minillama
from minillama.config import ModelConfig
from minillama.data import PackedBatches, WindowBatches
from minillama.model import Llama
from minillama.runs import control
from minillama.runs.folder import RUN, read_run
from minillama.runs.reference import write_reference
from minillama.system.files import write_json
from minillama.system.machine import Others, fastest, memory_bytes, seconds_for, using_threads
from minillama.training.checkpoint import new_model
from minillama.training.config import DEFAULT_MINUTES, PRESET, Plan, TrainConfig, draft
from minillama.training.corpus import Corpus
from minillama.training.events import Noted, Preparing
from minillama.training.reference import measure_reference
from minillama.training.sources import find_source, write_corpus
from minillama.training.step import Diverged, new_training, take_step
from minillama.training.validate import validate, write_samples
from minillama.weights import load
from minillama.weights.build import hollow_model

LOOKS = 10  # how often a run saves, validates and samples on its way, but
LONGEST_WAIT = 180.0  # not less often than so many seconds, and
FEWEST = 20  # not more often than after so many steps, in which little changes
FINAL_LOOK = 4  # the last validation is on so many times more documents

# The corpus, the seconds it takes to make a token of it, and the shape of the model for it.
Opened = tuple[Corpus, float, ModelConfig]


def open_asked(asked: TrainConfig) -> Opened:
    """Open the corpus and choose the model's shape; raises what is wrong with the input."""
    plan = draft(asked)
    source = find_source(plan.corpus)
    corpus, seconds_per_token = source.open(plan)
    shape = shape_for(plan, corpus.tokenizer.vocab_size)
    shape = replace(shape, max_seq_len=source.context(corpus, plan, shape.max_seq_len))
    check_memory(shape, plan, 2 * corpus.n_bytes)  # as it was opened, and as the run reads it
    return corpus, seconds_per_token, shape


def shape_for(plan: Plan, vocab_size: int) -> ModelConfig:
    """The shape of a preset, or that of the model to begin with; raises ValueError for neither."""
    if plan.init_from is None:
        return ModelConfig.preset(plan.preset or PRESET, vocab_size=vocab_size)
    shape = load(plan.init_from)[0].config
    if shape.vocab_size != vocab_size:
        raise ValueError(
            f"the model {plan.init_from} knows {shape.vocab_size} tokens and its tokenizer "
            f"{vocab_size}: they do not belong together"
        )
    if plan.preset is not None:
        asked = ModelConfig.preset(plan.preset, vocab_size=vocab_size)
        if replace(asked, max_seq_len=shape.max_seq_len) != shape:
            raise ValueError(
                f"the model {plan.init_from} keeps its shape, which is not that of the preset "
                f"{plan.preset}: leave out preset, or begin without the model"
            )
    return shape


def prepare(
    folder: Path, opened: Opened | None, began: float
) -> Generator[Preparing | Noted, None, tuple[Plan, ModelConfig, Corpus]]:
    """Make what is not yet in the run folder: the decisions, in run.json, and the data.

    opened: what run.json asks for, if it is open already. began: see `decide`.
    """
    run = read_run(folder)
    asked, data = TrainConfig.from_dict(run["asked"]), folder / "data"
    if "plan" not in run or not data.exists():
        if opened is None:
            yield Preparing("reading the corpus", 0, 1)
            opened = open_asked(asked)
        corpus, seconds_per_token, shape = opened
        yield from map(Noted, corpus.notes)
        if "plan" not in run:
            if corpus.floor is None:
                control.write_status(folder, "starting", "counting n-grams")
                yield Preparing("counting n-grams", 0, 1)
                write_reference(folder, measure_reference(corpus))
            control.write_status(folder, "starting", "measuring this machine")
            yield Preparing("measuring this machine", 0, 1)
            trial, others = new_model(shape, asked.seed), Others()
            with advising(draft(asked)):
                plan = decide(asked, trial, corpus, seconds_per_token, began)
            run["others"] = others.processors()  # which may be why there are few steps
            run |= {"plan": plan.to_dict(), "model": shape.to_dict(), "torch": torch.__version__}
            run |= {"minillama": minillama.__version__, "machine": platform.platform()}
            write_json(folder / RUN, run)
        plan = Plan.from_dict(run["plan"])
        for done, total in write_corpus(corpus, plan, data):
            status = f"writing stories, {done:,} of {total:,}"
            control.write_status(folder, "starting", status)
            control.stop_if_requested(folder)
            yield Preparing("writing stories", done, total)
    plan, shape = Plan.from_dict(run["plan"]), ModelConfig.from_dict(run["model"])
    corpus = Corpus.load(data)
    check_memory(shape, plan, corpus.n_bytes)
    if corpus.tokenizer.vocab_size != shape.vocab_size:
        raise ValueError(f"{folder} is damaged: its model is for another tokenizer")
    return plan, shape, corpus


@contextmanager
def advising(plan: Plan) -> Iterator[None]:
    """Add to the message that training diverged what to try."""
    try:
        yield
    except Diverged as error:
        dtype = "" if plan.dtype == "float32" else " or --dtype float32"
        raise Diverged(
            f"{error}; start another run with --lr below {plan.lr:g}, --warmup above {plan.warmup}"
            f"{dtype}, since --resume would take the same steps to the same end"
        ) from error


def decide(
    asked: TrainConfig, model: Llama, corpus: Corpus, seconds_per_token: float, began: float
) -> Plan:
    """The plan of a run: threads, dtype, and how many steps the minutes allow, by measuring.

    model: one to try steps on, which spoils it. seconds_per_token: for making the training data,
    which is still to come. began: the `time.perf_counter()` from which the minutes count.
    """
    plan = draft(asked)
    training = new_training(model, plan)
    source = find_source(plan.corpus)

    @cache
    def batches_of(batch_size: int) -> PackedBatches | WindowBatches:  # packing takes a while
        return source.batches(corpus, replace(plan, batch_size=batch_size))

    def step(plan: Plan) -> None:
        batches = batches_of(plan.batch_size)
        batch = [batches.batch(k) for k in range(plan.accumulate)]
        take_step(training, batch, replace(plan, steps=1000, warmup=1000))

    # A quarter of a batch is enough to tell which setting is faster.
    few_rows = replace(plan, batch_size=max(1, plan.batch_size // 4), accumulate=1)
    threads, dtype = fastest(
        lambda dtype: step(replace(few_rows, dtype=dtype)), asked.threads, asked.dtype
    )
    plan = replace(plan, threads=threads, dtype=dtype)
    steps, looks, most = asked.steps, LOOKS, FEWEST
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
        most = math.ceil(LONGEST_WAIT / step_seconds)
    return replace(
        plan,
        steps=steps,
        warmup=warmup_for(steps) if asked.warmup is None else asked.warmup,
        every=asked.every or max(math.ceil(steps / looks), min(FEWEST, most)),
    )


def check_memory(shape: ModelConfig, plan: Plan, corpus_bytes: int = 0) -> None:
    """Raise ValueError for a training that needs more memory than this machine has.

    It counts only what is certain: 16 bytes for each weight (itself, its gradient and two moments),
    8 for each logit (and its gradient), 24 for each token of a step's batches, and the corpus.
    """
    weights = hollow_model(shape).n_parameters
    tokens = plan.batch_size * plan.seq_len
    least = 16 * weights + 8 * tokens * shape.vocab_size + 24 * tokens * plan.accumulate
    least += corpus_bytes
    memory = memory_bytes()
    if least > memory:
        raise ValueError(
            f"this training needs at least {least / 2**30:,.0f} GiB of memory, for {weights:,} "
            f"weights, batches of {tokens:,} tokens and {corpus_bytes / 2**30:,.1f} GiB of text, "
            f"and this machine has {memory / 2**30:,.0f} GiB: choose a smaller preset, batch_size, "
            "seq_len or text"
        )


def warmup_for(steps: int) -> int:
    """A tenth of the run, but at least 200 steps, at most 1,000, and never over a quarter of it.

    Too short a warm-up costs more than a wrong peak: on ToyTown, a run of 585 steps ended at 1.33
    nats per token with 29 of them, after gradients of norm 16, and at 1.24 with 120 of them.
    """
    return min(max(steps // 10, 200), 1000, steps // 4)
