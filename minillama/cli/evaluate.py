"""`minillama eval`: how good a model is, on ToyTown or on text of your own."""

import argparse
from math import log, sqrt
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from minillama.cli.held_out import on_held_out, run_on
from minillama.cli.options import add_options
from minillama.cli.scoring import NATS, load, losses
from minillama.cli.shared import language_learned
from minillama.training.config import BOTH, LANGUAGES, TrainConfig, language_of

if TYPE_CHECKING:
    from minillama.model import Llama
    from minillama.tokenizer import Tokenizer

ROWS = 50  # samples that are written side by side
READING = ("separator", "field")  # the options of a training that say how FILE is read
LANGUAGE = "language of the stories, both: in turn (default: that of the model's training)"


def add(subparsers: Any) -> None:
    """Add the subcommand to the parser."""
    parser = subparsers.add_parser(
        "eval",
        help="measure how good a model is",
        description="On ToyTown: how far the loss on new stories is from the floor, which is the "
        "loss that no model can get below, and how many of the model's own stories are grammatical "
        "and consistent throughout. With FILE: the loss on that text. If the model is a run that "
        "was trained on FILE, only the part counts that the run held out and never learned from.",
        allow_abbrev=False,
    )
    option = parser.add_argument
    option(
        "file",
        nargs="?",
        metavar="FILE",
        help="text of your own, a file or a folder, read as by train --corpus (default: what the "
        "run was trained on, otherwise ToyTown)",
    )
    option(
        "--model",
        default="toytown",
        metavar="DIR",
        help="folder of a model or a run, or the name of one that ships (default: %(default)s)",
    )
    option(
        "--all",
        action="store_true",
        help="measure all of FILE, also what the run learned from",
    )
    add_options(parser, TrainConfig, *READING)
    option("--language", choices=LANGUAGES, help=LANGUAGE)
    choices: list[tuple[str, Any, str, str]] = [
        ("--stories", 500, "N", "how many new stories to predict"),
        ("--split", "test", "SPLIT", "where they come from: valid, test or compositional"),
        ("--samples", 200, "N", "how many stories the model writes, to be judged"),
        ("--temperature", 0.8, "T", "the temperature at which it writes them"),
        ("--seed", 0, "S", "seed of the first story, predicted and written"),
    ]
    for name, default, metavar, words in choices:
        words += " (default: %(default)s)"
        option(name, type=type(default), default=default, metavar=metavar, help=words)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Measure and print."""
    from minillama.config import Sampling

    Sampling(temperature=args.temperature)  # refused now, and not after minutes
    if args.stories < 2 or args.samples < 0 or args.seed < 0:
        raise ValueError("--stories must be at least 2, --samples and --seed at least 0")
    reading = {name: getattr(args, name) for name in READING if hasattr(args, name)}
    if args.file and args.language:
        raise ValueError("--language is for ToyTown's stories: leave it out, or leave out FILE")
    if (reading or args.all) and not args.file:
        raise ValueError("--all, --separator and --field are for a FILE of your own: name one")
    if not args.all and (run := run_on(args.model, args.file, reading)):
        print(on_held_out(args.model, run))
        return
    with tqdm(total=1, desc="loading the model", leave=False, disable=None):
        texts, whole = read(Path(args.file), **reading) if args.file else ([], False)
        model, tokenizer = load(args.model)
    if args.file:
        print(on_text(model, tokenizer, args.file, texts, whole))
        return
    language = args.language or language_learned(args.model)
    print(on_toytown(model, tokenizer, args.stories, args.split, args.seed, language))
    if args.samples:
        print(of_samples(model, tokenizer, args.samples, args.temperature, args.seed))


def read(
    path: Path, separator: str | None = None, field: str | None = None
) -> tuple[list[str], bool]:
    """The texts at a path, and whether they are whole documents, as a training would read them."""
    from minillama.system.files import read_text
    from minillama.training.texts import check_room, is_one_text, read_documents

    check_room(path)
    if is_one_text(path, separator, field):
        return [read_text(path)], False
    return read_documents(path, separator, field), True


def on_text(
    model: "Llama", tokenizer: "Tokenizer", name: str, texts: list[str], whole: bool
) -> str:
    """The loss on texts: on whole documents, or on a text in windows that each start afresh."""
    from minillama.data import Documents
    from minillama.evaluate.losses import bits_per_byte
    from minillama.training.encoding import Encoder, in_parts

    length = model.config.max_seq_len
    total = sum(map(len, texts))
    with tqdm(total=total, desc="encoding", unit="char", leave=False, disable=None) as bar:
        documents = Encoder(tokenizer).documents(texts, ends=whole, progress=bar.update)
    if whole:
        parts = Documents.from_ids(in_parts(documents, length))
    else:
        ids = documents.tokens
        windows = (ids[i : i + length] for i in range(0, len(ids), length))
        parts = Documents.from_ids([tokenizer.bos_id, *window.tolist()] for window in windows)
    nats, n = sum(losses(model, parts)), int((parts.lengths - 1).sum())
    what = f"{len(texts):,} documents, " if whole else ""
    where = "each from its beginning to its end" if whole else f"in windows of {length}"
    return (
        f"{name}: {what}{n:,} tokens, {where}\n"
        f"  {nats / n:.4f} nats per token ({NATS})\n"
        f"  {bits_per_byte(nats, sum(len(text.encode()) for text in texts)):.4f} bits per byte"
    )


def on_toytown(
    model: "Llama", tokenizer: "Tokenizer", n: int, split: str, seed: int, language: str
) -> str:
    """The loss on new stories, in one language or in turn, against their exact probability."""
    from minillama import toytown
    from minillama.data import documents_from_texts

    seeds = tqdm(range(seed, seed + n), desc="telling stories", leave=False, disable=None)
    stories = [toytown.story(i, language_of(i, language), split) for i in seeds]
    documents = documents_from_texts((story.text for story in stories), tokenizer)
    longest, length = int(documents.lengths.max()) - 1, model.config.max_seq_len
    if longest > length:
        raise ValueError(
            f"ToyTown's stories have up to {longest} tokens by this model's tokenizer, and its "
            f"context is {length}: give a FILE with text of the kind that it was trained on"
        )
    nats = losses(model, documents)
    floor = [log(2) * (language == BOTH) - story.log_prob for story in stories]  # ln 2: which one
    excess = [loss - least for loss, least in zip(nats, floor, strict=True)]
    return (
        f"{n:,} {split} stories, in nats ({NATS}); no model can get below the floor on average\n"
        f"  {fmean(nats):.2f} nats per story\n"
        f"  {fmean(floor):.2f} nats per story, the floor\n"
        f"  {fmean(excess):.2f} above the floor (standard error {stdev(excess) / sqrt(n):.2f})\n"
        f"  {fmean(nats) / fmean(floor):.4f} times the floor"
    )


def of_samples(
    model: "Llama", tokenizer: "Tokenizer", n: int, temperature: float, seed: int
) -> str:
    """What the judge says of stories that the model writes from nothing."""
    from minillama import toytown
    from minillama.inference.fused import fuse_decoding

    fuse_decoding(model)
    texts: list[str] = []
    with tqdm(total=n, desc="writing stories", leave=False, disable=None) as bar:
        while len(texts) < n:
            rows = min(ROWS, n - len(texts))
            texts += write(model, tokenizer, rows, temperature, seed + len(texts))
            bar.update(rows)
    verdicts = [toytown.judge(text) for text in texts]
    valid = sum(verdict.valid_sentences for verdict in verdicts)
    sentences = max(1, sum(verdict.sentences for verdict in verdicts))
    grammatical = fmean(verdict.grammatical for verdict in verdicts)
    consistent = fmean(verdict.consistent for verdict in verdicts)
    finished = fmean(verdict.finished for verdict in verdicts)
    return (
        f"{n:,} stories that it wrote, at temperature {temperature:g}\n"
        f"  {valid / sentences:.1%} of its sentences are ones that ToyTown can write\n"
        f"  {grammatical:.1%} of its stories consist only of such sentences\n"
        f"  {consistent:.1%} of its stories keep their facts straight\n"
        f"  {finished:.1%} of its stories do both and reach an end"
    )


def write(
    model: "Llama", tokenizer: "Tokenizer", rows: int, temperature: float, seed: int
) -> list[str]:
    """So many texts from nothing, each until it ends or the context does."""
    from minillama.inference.engine import continuations

    texts = continuations(
        model,
        [[tokenizer.bos_id]] * rows,
        max_new_tokens=model.config.max_seq_len,
        temperature=temperature,
        stop=tokenizer.eos_ids,
        seed=seed,
    )
    return [tokenizer.decode(text) for text in texts]
