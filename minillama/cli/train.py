"""`minillama train`: draws what `minillama.training.loop` does, as bars, samples and a summary."""

import argparse
from collections.abc import Generator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minillama.cli.shared import clock, command
from minillama.runs.control import CONTROL

if TYPE_CHECKING:
    from minillama.training.events import Event, Finished, Paused, Started, Step, Validated

RUNS = Path("runs")
BAR = "{percentage:3.0f}% {bar} {n_fmt}/{total_fmt}{postfix}"


def add(subparsers: Any) -> None:
    """Add the subcommand to the parser."""
    parser = subparsers.add_parser(
        "train",
        help="train a model on ToyTown or on a text of your own",
        description="Train a model, from nothing or from another. Ctrl-C stops and saves; --resume "
        "goes on, and what it then learns is exactly what it would have learnt anyway.",
        argument_default=argparse.SUPPRESS,  # what is not given is left to TrainConfig
        allow_abbrev=False,
    )
    option = parser.add_argument
    option("--corpus", metavar="WHAT", help="toytown, or a text file in UTF-8 (toytown)")
    option("--preset", metavar="NAME", help="the model's size: tiny, small or toytown (small)")
    option(
        "--init-from",
        metavar="MODEL",
        help="go on from a model, a folder or one that ships, in place of random weights",
    )
    option("--tokenizer", metavar="KIND", help="bpe, char, or the folder of one that exists (bpe)")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--minutes", type=float, metavar="M", help="how long to train (5)")
    length.add_argument("--steps", type=int, metavar="N", help="how many steps to train instead")
    option(
        "--out", metavar="DIR", help="folder of the run (runs/toytown, or the next that is free)"
    )
    option(
        "--resume",
        nargs="?",
        const="",
        metavar="DIR",
        help="go on with the run in DIR, or in --out, or with the newest one in runs/",
    )
    more = parser.add_argument_group("for experiments").add_argument
    more("--seed", type=int, metavar="S", help="of the first weights and the order of the data (0)")
    more("--vocab-size", type=int, metavar="N", help="pieces of a bpe tokenizer (2048)")
    more("--batch-size", type=int, metavar="N", help="rows of tokens in a forward pass")
    more("--seq-len", type=int, metavar="N", help="tokens in a row")
    more("--accumulate", type=int, metavar="N", help="forward passes in a step (1)")
    more("--optimizer", metavar="NAME", help="muon, or adamw as LLaMA's authors used (muon)")
    more("--lr", type=float, metavar="X", help="peak of the learning rate")
    more("--warmup", type=int, metavar="N", help="steps until the peak")
    more("--floor-ratio", type=float, metavar="X", help="its end, as a share of the peak (0.05)")
    more("--weight-decay", type=float, metavar="X", help="of matrices (0.1)")
    more("--clip", type=float, metavar="X", help="largest gradient norm let through (1)")
    more("--every", type=int, metavar="N", help="save, validate and sample every N steps")
    more("--keep", type=int, metavar="N", help="keep N small models from along the way (0)")
    more("--threads", type=int, metavar="N", help="processor threads (measured)")
    more("--dtype", metavar="TYPE", help="float32 or bfloat16 (measured)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train; 130 where Ctrl-C stopped it."""
    from minillama.training.config import TrainConfig
    from minillama.training.loop import resume, train

    options = {name: value for name, value in vars(args).items() if name != "run"}
    resumed = options.pop("resume", None)
    out = options.pop("out", None)
    if resumed is None:
        config = TrainConfig(**options)
        folder = Path(out) if out else free_folder(Path(config.corpus).stem)
        return show(train(config, folder), folder)
    if options:
        given = ", ".join("--" + name.replace("_", "-") for name in options)
        raise ValueError(f"--resume goes on with what the run began with: leave out {given}")
    if resumed and out:
        raise ValueError("--resume and --out name two folders: leave out one")
    folder = Path(resumed or out or newest_run())
    return show(resume(folder), folder)


def free_folder(name: str) -> Path:
    """`runs/name`, or `runs/name-2` and so on: the first that does not exist."""
    names = (name if n == 1 else f"{name}-{n}" for n in count(1))
    return next(RUNS / name for name in names if not (RUNS / name).exists())


def newest_run() -> Path:
    """The run under `runs/` that was trained last."""
    logs = [*RUNS.glob("*/log.csv")]
    if not logs:
        raise FileNotFoundError(f"there is no run in {RUNS.resolve()} to go on with")
    return max(logs, key=lambda log: log.stat().st_mtime).parent


def show(events: "Generator[Event]", folder: Path) -> int:
    """Draw the events of a training until it ends; 130 where Ctrl-C stopped it."""
    from tqdm import tqdm

    from minillama.training import events as say

    bar, preparing = tqdm(disable=True), ""
    try:
        for event in events:
            match event:
                case say.Preparing(what, done, total):
                    if what != preparing:
                        bar.close()
                        bar = tqdm(desc=what, total=total, leave=False, disable=None)
                        preparing = what
                    bar.update(done - bar.n)
                case say.Started():
                    bar.close()
                    print(started(event))
                    steps = event.config.steps
                    bar = tqdm(
                        total=steps,
                        initial=event.step,
                        disable=None,
                        bar_format=BAR,
                        dynamic_ncols=True,
                    )
                case say.Step():
                    bar.set_postfix_str(progress(event), refresh=False)
                    bar.update(event.step - bar.n)
                case say.Validated():
                    bar.write(validated(event) + "\n")
                case say.Sampled():
                    bar.write(event.text + "\n")
                case say.Paused():
                    bar.write(paused(event) + "\n")
                case say.Interrupted():
                    raise KeyboardInterrupt
                case say.Finished():
                    bar.close()
                    print(finished(event))
    except KeyboardInterrupt:
        events.close()  # where Ctrl-C came while something was drawn, it saves only now
        bar.close()
        print(stopped(folder))
        return 130
    finally:
        bar.close()
    return 0


def started(event: "Started") -> str:
    """What is about to be trained, on what, and where it goes."""
    config = event.config
    floor = (
        "" if event.floor is None else f"; no model can get below {event.floor:.3f} nats a token"
    )
    return (
        f"{config.init_from or config.preset}: {event.n_parameters:,} parameters, "
        f"{config.steps:,} steps on {config.corpus} on {config.threads} "
        f"thread{'s' * (config.threads > 1)} in {config.dtype}{floor}\n"
        f"The run is kept in {event.folder}; Ctrl-C stops and saves it."
    )


def paused(event: "Paused") -> str:
    """That the run waits, and for what."""
    file = event.folder / CONTROL
    return f"step {event.step:,}: saved and paused; it goes on when {file} is removed"


def stopped(folder: Path) -> str:
    """What to do after Ctrl-C."""
    if not folder.exists():
        return "Stopped before there was anything to save."
    return f"Stopped and saved. To go on:\n  {command('train', '--resume', folder)}"


def progress(event: "Step") -> str:
    """One step, to stand beside the bar."""
    above = "" if event.floor is None else f", {event.loss - event.floor:.2f} above the floor"
    return (
        f"loss {event.loss:.3f}{above}, {event.tokens_per_second:,.0f} tokens/s, "
        f"{clock(event.seconds_left)} left"
    )


def validated(event: "Validated") -> str:
    """The loss on text that was never trained on, and how far from the floor that is."""
    floor = "" if event.ratio is None else f", {event.ratio:.2f} times the floor"
    return f"step {event.step:,}: validation loss {event.loss:.3f} nats a token{floor}"


def finished(event: "Finished") -> str:
    """The result, where everything is, and what to do with it."""
    result = event.validation
    lines = [
        f"Trained for {clock(event.seconds)}, {event.step:,} steps. On {result.documents:,} "
        f"{'texts' if result.ratio is None else 'stories'} it never saw:",
        f"  {result.loss:.3f} nats a token, {result.bits_per_byte:.3f} bits a byte",
    ]
    if result.ratio is not None:
        lines.append(
            f"  {result.nats_per_document:.2f} nats a story, {result.ratio:.3f} times the floor of "
            f"{result.floor_per_document:.2f} that no model can get below"
        )
    lines += [
        f"model  {event.folder}",
        drawn(event.folder),
        f"write  {command('generate', '--model', event.folder)}",
    ]
    return "\n".join(lines)


def drawn(folder: Path) -> str:
    """Draw the loss curve, where there is something to draw with, and say where it is."""
    try:
        from minillama.plots.curves import save_loss_curve
    except ModuleNotFoundError as error:
        if error.name != "matplotlib":
            raise
        return f"log    {folder / 'log.csv'} (for a picture of it: pip install matplotlib)"
    return f"curve  {save_loss_curve(folder)}"
