"""Training: a generator that takes one step after another and tells what happened, in events.

Nothing here prints or draws: the command line, a notebook and a dashboard each show the events in
their own way, and `minillama.plots.curves.save_loss_curve(folder)` draws the curve of a run.
"""

import platform
import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import fields, replace
from pathlib import Path

import torch

import minillama
from minillama import runs
from minillama.checkpoints import keep, new_model, publish, restore, save, save_batches
from minillama.config import ModelConfig
from minillama.corpora import TOYTOWN, Corpus, open_corpus, read_corpus, write_corpus
from minillama.csvlog import CsvLog
from minillama.data import Batch
from minillama.disk import WriteError, write_json, writing
from minillama.events import (
    Event,
    Finished,
    Interrupted,
    Preparing,
    Sampled,
    Saved,
    Started,
    Step,
    Validated,
)
from minillama.learn import Diverged, Training, take_step, validate, write_samples
from minillama.machine import using_threads
from minillama.plan import check_memory, decide
from minillama.recipe import Plan, TrainConfig, draft

LOG = ("step", "tokens", "seconds", "loss", "learning_rate", "gradient_norm", "tokens_per_second")
VALIDATION_LOG = tuple(field.name for field in fields(Validated))

_Opened = tuple[Corpus, float, ModelConfig]  # with the seconds that a token of the corpus takes


def train(config: TrainConfig, folder: str | Path) -> Generator[Event, None, None]:
    """Train a model as the config says, in a new run folder; yields what happens.

    The run can be resumed whatever ends it: Ctrl-C (the last event then is `Interrupted`), closing
    this generator, kill -9. Once it has finished, its folder is a model folder too.
    Raises ValueError or an OSError, in one sentence, for input that cannot be used, Diverged (a
    ValueError) where training comes to numbers that are none, and WriteError (an OSError) where
    the disk is full; the last checkpoint then is still good.
    """
    began = time.perf_counter()
    folder = Path(folder)
    runs.check_free(folder)
    if config.minutes is not None and config.steps is not None:
        raise ValueError("give minutes or steps, not both")
    yield Preparing("reading the corpus", 0, 1)
    opened = _open(config)  # what is wrong with the input shows here, before a folder is made
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with runs.locked(folder):
        runs.check_free(folder)  # again: another training may have come first in the meantime
        write_json(folder / "run.json", {"asked": config.to_dict()})
        yield from _run(folder, opened, began)


def resume(folder: str | Path) -> Generator[Event, None, None]:
    """Go on with the run in a folder from its last checkpoint; yields what `train` would.

    Every loss from there on is, bit for bit, the one that the run would have had without a stop.
    Raises FileNotFoundError where there is no run, BlockingIOError where it is still going on.
    """
    folder = Path(folder)
    if not (folder / "run.json").is_file():
        raise FileNotFoundError(f"there is no run in {folder} to resume; start one there")
    with runs.locked(folder):
        yield from _run(folder, None, time.perf_counter())


def _run(folder: Path, opened: _Opened | None, began: float) -> Iterator[Event]:
    try:
        yield from _sitting(folder, opened, began)
    except WriteError as error:
        checkpoint = runs.latest_checkpoint(folder)
        if checkpoint is None:
            left = "no checkpoint was saved yet, and --resume begins again"
        else:
            step = runs.step_of(checkpoint)
            left = f"the checkpoint of step {step} is whole, and --resume goes on from there"
        raise WriteError(f"{error}; {left} once that is mended") from error


def _sitting(folder: Path, opened: _Opened | None, began: float) -> Iterator[Event]:
    runs.clean(folder)
    training = None
    try:
        plan, shape, corpus = yield from _prepare(folder, opened, began)
        training = restore(folder, plan, shape)
        with using_threads(plan.threads), _advising(plan):
            yield from _loop(folder, plan, training, corpus)
    except (KeyboardInterrupt, GeneratorExit) as stop:
        # Both come between steps only, so the training stands after a whole step.
        if training and training.step:
            with _advising(plan):
                publish(folder, save(folder, training, corpus.tokenizer))
        if isinstance(stop, GeneratorExit):
            raise
        yield Interrupted(training.step if training else 0, folder)


def _loop(folder: Path, plan: Plan, training: Training, corpus: Corpus) -> Iterator[Event]:
    """The training loop. The checkpoint of a step is saved before the validation after it."""
    batches = corpus.batches(plan)
    kept = kept_steps(plan.steps, plan.keep)
    first, started = training.step, time.perf_counter()
    earlier = training.seconds
    with (
        closing(CsvLog(folder / "log.csv", LOG, keep_below=first + 1)) as log,
        closing(CsvLog(folder / "validation.csv", VALIDATION_LOG, keep_below=first)) as looks,
    ):
        model = training.model
        yield Started(folder, plan, model.config, model.n_parameters, first, corpus.floor)
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
                for prompt, text in write_samples(training, corpus):
                    yield Sampled(step, prompt, text)
            if finished:
                break

            with runs.uninterrupted():
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
    yield Finished(step, folder, training.seconds, validated)


@contextmanager
def _advising(plan: Plan) -> Iterator[None]:
    """Add to the news that training diverged what to try."""
    try:
        yield
    except Diverged as error:
        dtype = "" if plan.dtype == "float32" else " or --dtype float32"
        raise Diverged(
            f"{error}; start another run with --lr below {plan.lr:g}, --warmup above {plan.warmup}"
            f"{dtype}, since --resume would take the same steps to the same end"
        ) from error


def _keep_batch(folder: Path, step: int, batch: list[Batch]) -> str:
    """Save the batch on which training diverged, if the disk lets us; where it is, in words."""
    try:
        return f"the batch in {save_batches(folder, step, batch)}"
    except WriteError as error:  # which must not hide that training diverged
        return f"a batch that could not be saved ({error})"


def kept_steps(steps: int, count: int) -> set[int]:
    """When to keep a small model: at the last step, half of it, a quarter, ... `count` in all."""
    return {max(1, steps >> k) for k in range(count)}


def _open(asked: TrainConfig) -> _Opened:
    """The corpus, the seconds it takes to make a token of it, and the shape of the model for it."""
    plan = draft(asked)
    corpus, seconds_per_token = open_corpus(plan)
    shape = ModelConfig.preset(plan.preset, vocab_size=corpus.tokenizer.vocab_size)
    if plan.corpus == TOYTOWN:  # whole stories; the preset has room for them unless in characters
        longest = max(shape.max_seq_len, plan.seq_len, int(corpus.validation.lengths.max()))
    else:  # windows; positions that no training reaches would be useless
        longest = plan.seq_len
    shape = replace(shape, max_seq_len=longest)
    check_memory(shape, plan)
    return corpus, seconds_per_token, shape


def _prepare(
    folder: Path, opened: _Opened | None, began: float
) -> Generator[Preparing, None, tuple[Plan, ModelConfig, Corpus]]:
    """Whatever is not yet in the run folder: the decisions, in run.json, and the data."""
    run = runs.read_run(folder)
    asked, data = TrainConfig.from_dict(run["asked"]), folder / "data"
    if "plan" not in run or not data.exists():
        if opened is None:
            yield Preparing("reading the corpus", 0, 1)
            opened = _open(asked)
        corpus, seconds_per_token, shape = opened
        if "plan" not in run:
            yield Preparing("measuring this machine", 0, 1)
            trial = new_model(shape, asked.seed)
            with _advising(draft(asked)):
                plan = decide(asked, trial, corpus, seconds_per_token, began)
            run |= {"plan": plan.to_dict(), "model": shape.to_dict()} | _versions()
            write_json(folder / "run.json", run)
        plan = Plan.from_dict(run["plan"])
        for done, total in write_corpus(corpus, plan, data):
            yield Preparing("writing stories", done, total)
    plan, shape = Plan.from_dict(run["plan"]), ModelConfig.from_dict(run["model"])
    check_memory(shape, plan)
    corpus = read_corpus(data)
    if corpus.tokenizer.vocab_size != shape.vocab_size:
        raise ValueError(f"{folder} is damaged: its model is for another tokenizer")
    return plan, shape, corpus


def _versions() -> dict[str, str]:
    return {
        "minillama": minillama.__version__,
        "torch": torch.__version__,
        "machine": platform.platform(),
    }
