"""`minillama train`: draws what `minillama.training.loop` does, as bars, samples and a summary."""

import argparse
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minillama.cli.options import add_options, flag, given
from minillama.cli.shared import clock, command, compared
from minillama.training.config import TOYTOWN, TrainConfig
from minillama.training.expect import expected_ratio

if TYPE_CHECKING:
    from minillama.training.events import Event, Finished, Paused, Started, Step, Validated

KEPT = {"init_from", "preset", "tokenizer", "vocab_size"}  # by a run that begins with a model
READING = ("corpus", "separator", "field", "language")  # what says which text it learns from
DISTURBING = 0.2  # share of the processors
LOSS = (
    "The loss is the model's surprise, in nats per token: -ln of the probability that it gave to "
    "the token that came."
)
BAR = "{percentage:3.0f}% {bar} {n_fmt}/{total_fmt}{postfix}"


def add(subparsers: Any) -> None:
    """Add the subcommand to the parser."""
    parser = subparsers.add_parser(
        "train",
        help="train a model on ToyTown or on a text of your own",
        description="Train a model, from random weights or from another model. Ctrl-C stops and "
        "saves. --resume continues, and the model then learns exactly what it would have learned "
        "without the interruption. On a text of your own, the model has learned more than how "
        "often words follow each other if its bits per byte at the end are below those of the "
        "n-gram model printed with them. English prose costs gzip about 3 bits per byte, and a "
        "small model about 2 after some minutes of training.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--out", metavar="DIR", help="folder of the run (default: runs/ and the name of the corpus)"
    )
    parser.add_argument(
        "--resume",
        nargs="?",
        const="",
        metavar="DIR",
        help="continue the run in DIR, or in --out, or the newest one in runs/ "
        "(default: begin a new run)",
    )
    add_options(parser, TrainConfig)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train; 130 if the training was stopped."""
    from minillama.runs.folder import free_folder, newest_run
    from minillama.training.loop import resume, train

    options = given(args, TrainConfig)
    if args.resume is None:
        config = TrainConfig(**options)
        folder = Path(args.out) if args.out else free_folder(config.corpus)
        return show(train(config, folder), folder)
    if args.resume and args.out:
        raise ValueError("--resume and --out both name a folder: leave out one of them")
    folder = Path(args.resume or args.out or newest_run())
    if options:
        names = ", ".join(map(flag, options))
        raise ValueError(
            f"--resume keeps the options that the run began with: leave out {names}. To train its "
            f"model further with other options, begin a new run: {new_run_from(folder, options)}"
        )
    return show(resume(folder), folder)


def new_run_from(folder: Path, options: dict[str, Any]) -> str:
    """The command of a new run that begins with the model of this one, and has these options."""
    from minillama.runs.folder import RUN, read_run

    asked = read_run(folder)["asked"] if (folder / RUN).is_file() else {}
    reading = {name: asked[name] for name in READING if asked.get(name) is not None}
    if reading.get("corpus") == TOYTOWN:
        del reading["corpus"]
    given = reading | {name: value for name, value in options.items() if name not in KEPT}
    words = [word for name, value in given.items() for word in (flag(name), str(value))]
    return command("train", "--init-from", folder, *words)


def show(events: "Generator[Event]", folder: Path) -> int:
    """Draw the events of a training until it ends; 130 if it was stopped before its end."""
    from tqdm import tqdm

    from minillama.training import events as say

    bar, preparing, interrupted = tqdm(disable=True), "", False
    try:
        for event in events:
            match event:
                case say.Preparing(what, done, total):
                    if what != preparing:
                        bar.close()
                        bar = tqdm(desc=what, total=total, leave=False, disable=None)
                        preparing = what
                    bar.update(done - bar.n)
                case say.Noted(words):
                    bar.write(words)
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
                    interrupted = True
                case say.Finished():
                    bar.close()
                    print(finished(event))
    except KeyboardInterrupt:  # while something was drawn
        events.close()  # which saves
        interrupted = True
    finally:
        bar.close()
    if interrupted:
        print(stopped(folder))
    return 130 if interrupted else 0


def started(event: "Started") -> str:
    """What is about to be trained, on what, what to expect of it, and where it goes."""
    from minillama.system.machine import usable_cpus

    config = event.config
    lines = [
        f"{config.init_from or config.preset}: {event.n_parameters:,} parameters, "
        f"{config.steps:,} steps on {config.corpus} on {config.threads} "
        f"thread{'s' * (config.threads > 1)} in {config.dtype}",
        LOSS + ("" if event.floor is None else f" No model can get below {event.floor:.3f}, the "
                "floor: so uncertain are the stories themselves."),
        expected(event),
    ]  # fmt: skip
    if event.others > DISTURBING * usable_cpus():
        lines.append(
            f"Other programs are using about {event.others:.1f} of this machine's {usable_cpus()} "
            "processors, so training is slower than it could be" +
            (", and fewer steps fit into the time." if event.timed else ".")
        )  # fmt: skip
    return "\n".join([*lines, f"The run is in {event.folder}; Ctrl-C stops and saves it."])


def expected(event: "Started") -> str:
    """How much the model will read, and how far runs of this length have come."""
    config = event.config
    tokens = config.steps * config.accumulate * config.batch_size * config.seq_len
    how = "These steps read"
    if event.timed:
        how = "At the speed measured just now, there is time for"
    words = f"{how} {tokens / 1e6:,.1f} million tokens"
    if event.floor is None:
        return f"{words}, {tokens / max(1, event.corpus_tokens):,.1f} times the whole text."
    ratio = expected_ratio(config)
    if ratio is None:
        return words + "."
    return f"{words}. A run of this length ends at about {ratio:.2f} times the floor."


def paused(event: "Paused") -> str:
    """That the run waits, and for what."""
    from minillama.runs.control import CONTROL

    file = event.folder / CONTROL
    return f"step {event.step:,}: saved and paused; it continues when {file} is removed"


def stopped(folder: Path) -> str:
    """What to do after a training was stopped."""
    if not folder.exists():
        return "Stopped before there was anything to save."
    return f"Stopped and saved. To continue:\n  {command('train', '--resume', folder)}"


def progress(event: "Step") -> str:
    """One step, for the line of the progress bar."""
    above = "" if event.floor is None else f", {event.loss - event.floor:.2f} above the floor"
    return (
        f"loss {event.loss:.3f}{above}, {event.tokens_per_second:,.0f} tokens/s, "
        f"{clock(event.seconds_left)} left"
    )


def validated(event: "Validated") -> str:
    """The loss on text that was never trained on, and how far from the floor that is."""
    floor = "" if event.ratio is None else f", {event.ratio:.2f} times the floor"
    return f"step {event.step:,}: validation loss {event.loss:.3f} nats per token{floor}"


def finished(event: "Finished") -> str:
    """The result, where everything is, and what to do with it."""
    result = event.validation
    lines = [
        f"Trained for {clock(event.seconds)}, {event.step:,} steps. On {result.documents:,} "
        f"{'texts' if result.ratio is None else 'stories'} that it never saw:",
        f"  {result.loss:.3f} nats per token, {result.bits_per_byte:.3f} bits per byte",
    ]
    if result.ratio is not None:
        lines.append(
            f"  {result.nats_per_document:.2f} nats per story, {result.ratio:.3f} times the floor "
            f"of {result.floor_per_document:.2f} that no model can get below"
        )
    if event.reference is not None:
        lines.append(f"  {compared(event.reference)}")
    lines += [
        f"model  {event.folder}",
        drawn(event.folder),
        f"write  {command('generate', '--model', event.folder)}",
    ]
    return "\n".join(lines)


def drawn(folder: Path) -> str:
    """Draw the loss curve, if matplotlib is installed, and say where it is."""
    try:
        from minillama.plots.curves import save_loss_curve
    except ModuleNotFoundError as error:
        if error.name != "matplotlib":
            raise
        return f"log    {folder / 'log.csv'} (for a picture of it: pip install matplotlib)"
    return f"curve  {save_loss_curve(folder)}"
