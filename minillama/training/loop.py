"""Training: a generator that takes one step after another and yields what happened, as events.

Nothing here prints or draws: the command line, a notebook and a dashboard each show the events in
their own way, and `minillama.plots.curves.save_loss_curve(folder)` draws the curve of a run. Losses
and samples are also written to the run folder (minillama.runs.logs).
"""

import time
from collections.abc import Generator, Iterator
from contextlib import closing, suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

from minillama.data import Batch
from minillama.runs import control
from minillama.runs.checkpoints import latest_checkpoint, step_of
from minillama.runs.control import StopRequested
from minillama.runs.folder import begin_run, check_free, clean, read_run
from minillama.runs.lock import locked
from minillama.runs.logs import LOG, SAMPLES, VALIDATION, Log
from minillama.runs.reference import read_reference
from minillama.system.files import WriteError
from minillama.system.interrupts import uninterrupted
from minillama.system.machine import keep_memory, using_threads
from minillama.training.checkpoint import keep, publish, restore, save, save_batches
from minillama.training.config import Plan, TrainConfig
from minillama.training.corpus import Corpus
from minillama.training.events import (
    Event,
    Finished,
    Interrupted,
    Paused,
    Preparing,
    Sampled,
    Saved,
    Started,
    Step,
    Validated,
)
from minillama.training.setup import Opened, advising, open_asked, prepare
from minillama.training.sources import find_source
from minillama.training.step import Diverged, Training, take_step
from minillama.training.validate import validate, write_samples

COLUMNS = (
    "step",
    "tokens",
    "seconds",
    "loss",
    "learning_rate",
    "gradient_norm",
    "tokens_per_second",
)
VALIDATION_COLUMNS = tuple(field.name for field in fields(Validated))
SAMPLE_COLUMNS = tuple(field.name for field in fields(Sampled))


def train(config: TrainConfig, folder: str | Path) -> Generator[Event, None, None]:
    """Train a model as the config says, in a new run folder; yields what happens.

    `minillama.runs.control` can pause, resume and stop it, from any process.
    The run can be resumed whatever ends it: Ctrl-C (the last event then is `Interrupted`), closing
    this generator, kill -9. Once it has finished, its folder is a model folder too.
    Raises ValueError or an OSError, in one sentence, for input that cannot be used, Diverged (a
    ValueError) if training diverges, and WriteError (an OSError) if the disk is full; the last
    checkpoint is still good then.
    """
    began = time.perf_counter()
    folder = Path(folder)
    check_free(folder)
    yield Preparing("reading the corpus", 0, 1)
    opened = open_asked(config)  # what is wrong with the input shows here, before a folder is made
    with locked(folder):
        begin_run(folder, config.to_dict())  # refused if another training was faster
        yield from _run(folder, opened, began)


def resume(folder: str | Path) -> Generator[Event, None, None]:
    """Continue the run in a folder from its last checkpoint; yields what `train` would.

    Every loss from there on is, bit for bit, the one that the run would have had without a stop.
    Raises FileNotFoundError if there is no run, BlockingIOError if it is still going on.
    """
    folder = Path(folder)
    read_run(folder)
    with locked(folder):
        yield from _run(folder, None, time.perf_counter())


def _run(folder: Path, opened: Opened | None, began: float) -> Iterator[Event]:
    """The events of a sitting; if something goes wrong, the status says what."""
    try:
        yield from _sitting(folder, opened, began)
    except Exception as error:
        words = " ".join(str(error).split()) or type(error).__name__
        with suppress(WriteError):  # which must not hide the first error
            control.write_status(folder, "failed", words)
        if not isinstance(error, WriteError):
            raise
        left = "no checkpoint has been saved yet, and --resume starts again"
        if checkpoint := latest_checkpoint(folder):
            step = step_of(checkpoint)
            left = f"the checkpoint of step {step} is complete, and --resume continues from it"
        raise WriteError(f"{error}; {left} once this is fixed") from error


def _sitting(folder: Path, opened: Opened | None, began: float) -> Iterator[Event]:
    control.resume(folder)  # what an earlier sitting was asked to do is not asked of this one
    control.write_status(folder, "starting")
    clean(folder)
    keep_memory()
    training = None
    try:
        plan, shape, corpus = yield from prepare(folder, opened, began)
        training = restore(folder, plan, shape)
        with using_threads(plan.threads), advising(plan):
            yield from _loop(folder, plan, training, corpus)
    except (StopRequested, KeyboardInterrupt, GeneratorExit) as stop:
        # All of them come between steps only, so the last step is complete.
        if training and training.step:
            with advising(plan):
                publish(folder, save(folder, training, corpus.tokenizer))
        control.write_status(folder, "stopped")
        if isinstance(stop, GeneratorExit):
            raise
        yield Interrupted(training.step if training else 0, folder)


def _loop(folder: Path, plan: Plan, training: Training, corpus: Corpus) -> Iterator[Event]:
    """The training loop. The checkpoint of a step is saved before the validation after it."""
    batches = find_source(plan.corpus).batches(corpus, plan)
    kept, reference = kept_steps(plan.steps, plan.keep), read_reference(folder)
    first, started = training.step, time.perf_counter()
    earlier = training.seconds
    with (
        closing(Log(folder / LOG, COLUMNS, keep_below=first + 1)) as log,
        closing(Log(folder / VALIDATION, VALIDATION_COLUMNS, keep_below=first)) as looks,
        closing(Log(folder / SAMPLES, SAMPLE_COLUMNS, keep_below=first)) as samples,
    ):
        model = training.model
        control.write_status(folder, "training", floor=corpus.floor)
        yield Started(
            folder=folder,
            config=plan,
            model=model.config,
            n_parameters=model.n_parameters,
            step=first,
            floor=corpus.floor,
            corpus_tokens=len(corpus.training.tokens),
            **_circumstances(folder, first),
        )
        while True:
            step, finished = training.step, training.step == plan.steps
            if step in kept:
                keep(folder, training, corpus.tokenizer)
            if finished or (step and step % plan.every == 0):
                log.sync()
                checkpoint = save(folder, training, corpus.tokenizer)
                yield Saved(step, checkpoint)
                validated = validate(training, corpus, final=finished)
                looks.add(validated)
                yield validated
                for prompt, text in write_samples(training, corpus, plan.steps):
                    sampled = Sampled(step, prompt, text)
                    samples.add(sampled)
                    yield sampled
            if finished:
                break
            if control.requested(folder):
                started += yield from _do_as_requested(folder, training, corpus)

            with uninterrupted():
                before, tokens = time.perf_counter(), training.tokens
                n = step * plan.accumulate
                batch = [batches.batch(n + k) for k in range(plan.accumulate)]
                try:
                    loss, norm = take_step(training, batch, plan)
                except Diverged as error:
                    where = _keep_batch(folder, step + 1, batch)
                    raise Diverged(f"{error}, on {where}") from error
                now = time.perf_counter()
                training.seconds = earlier + now - started
                row = Step(
                    step=training.step,
                    steps=plan.steps,
                    tokens=training.tokens,
                    seconds=training.seconds,
                    loss=loss,
                    floor=corpus.floor,
                    learning_rate=training.lr,
                    gradient_norm=norm,
                    tokens_per_second=(training.tokens - tokens) / (now - before),
                    seconds_left=(now - started) / (step + 1 - first) * (plan.steps - step - 1),
                )
                log.add(row)
            yield row
    publish(folder, checkpoint)
    control.write_status(folder, "finished")
    yield Finished(step, folder, training.seconds, validated, reference)


def _circumstances(folder: Path, first: int) -> dict[str, Any]:
    """What Started says of how the plan was made, to those who see it begin."""
    run = read_run(folder)
    others = run.get("others")
    if first or not isinstance(others, float):
        return {}
    return {"others": others, "timed": run["asked"].get("steps") is None}


def _do_as_requested(
    folder: Path, training: Training, corpus: Corpus
) -> Generator[Paused, None, float]:
    """Save and wait if the run is asked to pause; returns the seconds that took.

    Raises StopRequested if it is asked to stop.
    """
    before = time.perf_counter()
    if control.requested(folder) == "pause":
        if training.step:
            save(folder, training, corpus.tokenizer)
        control.write_status(folder, "paused", floor=corpus.floor)
        yield Paused(training.step, folder)
        control.wait_while_paused(folder)
        if control.requested(folder) != "stop":
            control.write_status(folder, "training", floor=corpus.floor)
    control.stop_if_requested(folder)
    return time.perf_counter() - before


def _keep_batch(folder: Path, step: int, batch: list[Batch]) -> str:
    """Save the batch on which training diverged, if the disk lets us; says where, in words."""
    try:
        return f"the batch in {save_batches(folder, step, batch)}"
    except WriteError as error:  # which must not hide that training diverged
        return f"a batch that could not be saved ({error})"


def kept_steps(steps: int, count: int) -> set[int]:
    """When to keep a small model: at the last step, half of it, a quarter, ... `count` in all."""
    return {max(1, steps >> k) for k in range(count)}
