"""`minillama corpus`: ToyTown's stories, and how well any model could ever know them."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from math import log, sqrt
from pathlib import Path
from statistics import stdev
from typing import TYPE_CHECKING, Any, TextIO

from minillama.system.files import PARTIAL, remove, writing

if TYPE_CHECKING:
    from minillama.toytown import Story

SHOWN = 5
WRITTEN = 1000


def add(subparsers: Any) -> None:
    """Add the subcommand to the parser."""
    parser = subparsers.add_parser(
        "corpus",
        help="read, write or measure the stories of ToyTown",
        description="The stories of ToyTown: on the screen, in a file, or measured. The same seed "
        "gives the same stories everywhere: the first is that of seed S, the next that of S + 1.",
        allow_abbrev=False,
    )
    option = parser.add_argument
    option(
        "--stories",
        type=int,
        metavar="N",
        help=f"how many (default: {WRITTEN:,} with -o or --floor, otherwise {SHOWN})",
    )
    option(
        "--language",
        choices=("en", "zh", "both"),
        default="both",
        help="both: English and Chinese in turn (default: %(default)s)",
    )
    option(
        "--seed",
        type=int,
        default=0,
        metavar="S",
        help="seed of the first story (default: %(default)s)",
    )
    option(
        "--split",
        choices=("train", "valid", "test", "compositional"),
        default="train",
        help="compositional: pairs of things that never meet in the other three "
        "(default: %(default)s)",
    )
    option(
        "-o",
        "--output",
        type=Path,
        metavar="FILE",
        help="write them to FILE, separated by empty lines (default: to no file)",
    )
    option(
        "--show",
        nargs="?",
        type=int,
        const=SHOWN,
        metavar="N",
        help=f"print the first N, or {SHOWN} if N is left out (default: all of them, but none "
        "with -o or --floor)",
    )
    option("--floor", action="store_true", help="print the floor: the loss no model can get below")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Write, print and measure, in one pass over the stories."""
    from tqdm import tqdm

    works = args.output is not None or args.floor
    n = (WRITTEN if works else args.show or SHOWN) if args.stories is None else args.stories
    shown = args.show if works or args.show is not None else n
    if n < 1 or (shown or 0) < 0 or args.seed < 0:
        raise ValueError("--stories must be at least 1, --show and --seed at least 0")

    measure = Measure(n_languages=2 if args.language == "both" else 1)
    with whole_file(args.output) if args.output else nullcontext() as file:
        progress = tqdm(stories(args, n), total=n, unit=" stories", disable=None if works else True)
        for i, story in enumerate(progress):
            if file:
                with writing(args.output):
                    file.write("\n" * (i > 0) + story.text + "\n")
            if i < (shown or 0):
                tqdm.write(story.text + "\n")
            if args.floor:
                measure.add(story)
    if args.floor:
        print(measure)


@contextmanager
def whole_file(path: Path) -> Iterator[TextIO]:
    """A text file to write, which takes its name only when it is complete.

    Raises WriteError where the disk refuses.
    """
    partial = path.with_name(path.name + PARTIAL)
    with writing(path):
        file = partial.open("w", encoding="utf-8", newline="\n")
    try:
        yield file
        with writing(path):
            file.close()  # which writes what is left
            partial.replace(path)
    finally:
        with suppress(OSError):  # a full disk refuses what is left once more
            file.close()
        remove(partial)


def stories(args: argparse.Namespace, n: int) -> Iterator["Story"]:
    """The stories asked for; of both languages, English has the even seeds."""
    from minillama import toytown

    for seed in range(args.seed, args.seed + n):
        language = ("en", "zh")[seed % 2] if args.language == "both" else args.language
        yield toytown.story(seed, language, args.split)


class Measure:
    """The mean surprise of stories to ToyTown itself, which knows the probability of each.

    No model's expected loss can be smaller: this is the entropy of the corpus, estimated from a
    sample. Which of several languages comes next is one more thing to guess.
    """

    def __init__(self, n_languages: int) -> None:
        self.language_nats = log(n_languages)
        self.nats: list[float] = []
        self.characters = self.bytes = 0

    def add(self, story: "Story") -> None:
        """Count a story in."""
        self.nats.append(self.language_nats - story.log_prob)
        self.characters += len(story.text)
        self.bytes += len(story.text.encode())

    def __str__(self) -> str:
        n, total = len(self.nats), sum(self.nats)
        error = stdev(self.nats) / sqrt(n) if n > 1 else float("nan")
        return (
            f"The floor, from {n:,} stories: the loss of a model that knew the exact probability\n"
            "of each, which no model can get below. Losses are in nats, a unit of surprise:\n"
            "-ln of the probability of what came. 1 nat is 1.44 bits.\n"
            f"  {total / n:.2f} nats per story (standard error {error:.2f})\n"
            f"  {total / self.characters:.4f} nats per character\n"
            f"  {total / self.bytes / log(2):.4f} bits per byte"
        )
