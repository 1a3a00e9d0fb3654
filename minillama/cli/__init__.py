"""The command `minillama`: one module a subcommand, each with `add(subparsers)` and `run(args)`.

The modules import torch and the rest only when they run, so that `minillama --help` is instant.
Bad input ends in one sentence on stderr and exit code 2; Ctrl-C in 130.
"""

import argparse
import errno
import io
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from minillama import __version__
from minillama.cli import bench, convert, corpus, evaluate, generate, train, workbook

EXAMPLES = """\
examples:
  minillama train --preset small --minutes 5        train a small LLaMA on ToyTown
  minillama generate --model runs/toytown           let it write a story
  minillama generate "Mia found"                    the model that comes with minillama
  minillama corpus --show 5                         read some of the stories it learns from
  minillama train --corpus my.txt --tokenizer char  train on a text of your own
  minillama bench --quick                           how fast this machine trains and writes
  minillama workbook my-course                      lessons in which you build a LLaMA yourself

Every command has its own help: minillama train --help
"""


class Parser(argparse.ArgumentParser):
    """argparse, with errors that read like all other errors of the command."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"minillama: error: {message} (see {self.prog} --help)\n")


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command; each result carries its subcommand as `args.run`."""
    parser = Parser(
        prog="minillama",
        description="Train, run and look into small LLaMA language models on an ordinary computer.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"minillama {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND")
    for command in (train, generate, evaluate, corpus, convert, bench, workbook):
        command.add(subparsers)
    parser.set_defaults(run=lambda args: parser.print_help())
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with these arguments (default: those it was called with); the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a console may not know Chinese: print a "?"
            stream.reconfigure(encoding="utf-8", errors="replace")
    args = build_parser().parse_args(argv)
    try:
        code: int = args.run(args) or 0
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return 130
    except (MemoryError, RuntimeError) as error:
        if not lacks_memory(error):
            raise
        print(
            "minillama: error: this machine does not have enough memory for this: choose a smaller "
            "model, batch or length",
            file=sys.stderr,
        )
        return 2
    except (ValueError, OSError) as error:
        if is_closed_pipe(error):  # the reader of our output, such as `head`, has had enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        print(f"minillama: error: {sentence(error)}", file=sys.stderr)
        return 2


def is_closed_pipe(error: Exception) -> bool:
    """Whether nobody reads our output any more; Windows says so in its own way."""
    if os.name == "nt" and isinstance(error, OSError) and error.filename is None:
        return error.errno in (errno.EPIPE, errno.EINVAL)
    return isinstance(error, BrokenPipeError)


def lacks_memory(error: Exception) -> bool:
    """Whether Python or PyTorch asked for memory in vain."""
    return isinstance(error, MemoryError) or "tried to allocate" in str(error).lower()


def sentence(error: Exception) -> str:
    """What an error says, as one line; the system's own errors without their number."""
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split())
