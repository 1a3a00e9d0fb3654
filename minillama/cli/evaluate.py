"""`minillama eval`: how good a model is, on ToyTown or on a text file."""

import argparse
from math import log, sqrt
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minillama.model import Llama
    from minillama.tokenizer import Tokenizer

ROWS = 50  # samples that are written side by side


def add(subparsers: Any) -> None:
    """Add the subcommand to the parser."""
    parser = subparsers.add_parser(
        "eval",
        help="measure how good a model is",
        description="Without FILE, on ToyTown: how far the loss on new stories is from the floor, "
        "and how many of the model's own stories are grammatical and consistent throughout. With "
        "FILE: the loss on that text.",
        allow_abbrev=False,
    )
    option = parser.add_argument
    option("file", nargs="?", metavar="FILE", help="a text file in UTF-8 (default: ToyTown)")
    option(
        "--model",
        default="toytown",
        metavar="DIR",
        help="folder of a model or a run, or the name of one that ships (default: %(default)s)",
    )
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
    import torch

    import minillama
    from minillama.config import Sampling

    Sampling(temperature=args.temperature)  # refused now, and not after minutes
    if args.stories < 2 or args.samples < 0 or args.seed < 0:
        raise ValueError("--stories must be at least 2, --samples and --seed at least 0")
    model, tokenizer = minillama.load(args.model, dtype=torch.float32)
    if args.file:
        print(on_file(model, tokenizer, args.file))
        return
    print(on_toytown(model, tokenizer, args.stories, args.split, args.seed))
    if args.samples:
        print(of_samples(model, tokenizer, args.samples, args.temperature, args.seed))


def on_file(model: "Llama", tokenizer: "Tokenizer", path: str) -> str:
    """The loss on a text, in windows of the model's context that each start afresh."""
    from minillama.data import Documents
    from minillama.evaluate.losses import bits_per_byte, document_losses
    from minillama.system.files import read_text

    text = read_text(path)
    ids, length = tokenizer.encode(text), model.config.max_seq_len
    windows = [[tokenizer.bos_id, *ids[i : i + length]] for i in range(0, len(ids), length)]
    nats = float(document_losses(model, Documents.from_ids(windows)).sum())
    return (
        f"{path}: {len(ids):,} tokens in windows of {length}\n"
        f"  {nats / len(ids):.4f} nats per token\n"
        f"  {bits_per_byte(nats, len(text.encode())):.4f} bits per byte"
    )


def on_toytown(model: "Llama", tokenizer: "Tokenizer", n: int, split: str, seed: int) -> str:
    """The loss on new stories, in turn English and Chinese, against their exact probability."""
    from minillama import toytown
    from minillama.data import documents_from_texts
    from minillama.evaluate.losses import document_losses

    stories = [toytown.story(i, ("en", "zh")[i % 2], split) for i in range(seed, seed + n)]
    documents = documents_from_texts((story.text for story in stories), tokenizer)
    nats = document_losses(model, documents).tolist()
    floor = [log(2) - story.log_prob for story in stories]  # ln 2: which of the two languages
    excess = [loss - least for loss, least in zip(nats, floor, strict=True)]
    return (
        f"{n:,} {split} stories\n"
        f"  {fmean(nats):.2f} nats per story\n"
        f"  {fmean(floor):.2f} nats per story, the floor\n"
        f"  {fmean(excess):.2f} above the floor (standard error {stdev(excess) / sqrt(n):.2f})\n"
        f"  {fmean(nats) / fmean(floor):.4f} times the floor"
    )


def of_samples(
    model: "Llama", tokenizer: "Tokenizer", n: int, temperature: float, seed: int
) -> str:
    """What the judge says of stories that the model writes from nothing."""
    from tqdm import tqdm

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
