"""Before the first step: the corpus, the plan and the training data, each made once and kept."""

import platform
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch

import minillama
from minillama import control, runs
from minillama.checkpoints import new_model
from minillama.config import ModelConfig
from minillama.corpora import TOYTOWN, Corpus, open_corpus, read_corpus, write_corpus
from minillama.disk import write_json
from minillama.events import Preparing
from minillama.learn import Diverged
from minillama.plan import check_memory, decide
from minillama.recipe import Plan, TrainConfig, draft
from minillama.weights import load_model

Opened = tuple[Corpus, float, ModelConfig]  # with the seconds that a token of the corpus takes


def open_asked(asked: TrainConfig) -> Opened:
    """The corpus, the seconds it takes to make a token of it, and the shape of the model for it."""
    plan = draft(asked)
    corpus, seconds_per_token = open_corpus(plan)
    n_pieces = corpus.tokenizer.vocab_size
    if plan.init_from is None:
        shape = ModelConfig.preset(plan.preset, vocab_size=n_pieces)
    else:
        shape = load_model(plan.init_from).config
        if shape.vocab_size != n_pieces:
            raise ValueError(
                f"the model {plan.init_from} knows {shape.vocab_size} tokens and its tokenizer "
                f"{n_pieces}: they do not belong together"
            )
    if plan.corpus == TOYTOWN:  # whole stories; the preset has room for them unless in characters
        longest = max(shape.max_seq_len, plan.seq_len, int(corpus.validation.lengths.max()))
    elif plan.init_from is None:  # windows; positions that no training reaches would be useless
        longest = plan.seq_len
    else:
        longest = max(shape.max_seq_len, plan.seq_len)
    shape = replace(shape, max_seq_len=longest)
    check_memory(shape, plan)
    return corpus, seconds_per_token, shape


def prepare(
    folder: Path, opened: Opened | None, began: float
) -> Generator[Preparing, None, tuple[Plan, ModelConfig, Corpus]]:
    """Whatever is not yet in the run folder: the decisions, in run.json, and the data."""
    run = runs.read_run(folder)
    asked, data = TrainConfig.from_dict(run["asked"]), folder / "data"
    if "plan" not in run or not data.exists():
        if opened is None:
            yield Preparing("reading the corpus", 0, 1)
            opened = open_asked(asked)
        corpus, seconds_per_token, shape = opened
        if "plan" not in run:
            control.say(folder, "starting", "measuring this machine")
            yield Preparing("measuring this machine", 0, 1)
            trial = new_model(shape, asked.seed)
            with advising(draft(asked)):
                plan = decide(asked, trial, corpus, seconds_per_token, began)
            run |= {"plan": plan.to_dict(), "model": shape.to_dict()} | _versions()
            write_json(folder / "run.json", run)
        plan = Plan.from_dict(run["plan"])
        for done, total in write_corpus(corpus, plan, data):
            control.say(folder, "starting", f"writing stories, {done:,} of {total:,}")
            control.stop_if_asked(folder)
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


@contextmanager
def advising(plan: Plan) -> Iterator[None]:
    """Add to the news that training diverged what to try."""
    try:
        yield
    except Diverged as error:
        dtype = "" if plan.dtype == "float32" else " or --dtype float32"
        raise Diverged(
            f"{error}; start another run with --lr below {plan.lr:g}, --warmup above {plan.warmup}"
            f"{dtype}, since --resume would take the same steps to the same end"
        ) from error
