"""The author's command: `python -m minillama.course execute` and `... splice`."""

import argparse
import io
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from minillama.course.authoring.pictures import write_picture
from minillama.course.authoring.sync import carry, format_package
from minillama.course.source.taught import choose_lessons
from minillama.system.assets import PACKAGE
from minillama.system.notebooks import LessonError, execute, write_notebook


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m minillama.course",
        description="For authors: execute lessons, and keep them and the package the same.",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    command = commands.add_parser(
        "execute",
        help="run lessons from fresh kernels and store their outputs",
        description="Run lessons from fresh kernels, in order, and store their outputs. A lesson "
        "with a cell that fails stays as it is, and the others are still run.",
    )
    words = "such as 04, or its file (default: all)"
    command.add_argument("lessons", nargs="*", metavar="LESSON", help=words)
    command.set_defaults(run=run_execute)
    command = commands.add_parser(
        "splice",
        help="carry definitions between lessons and the package",
        description="Format the package with ruff, then carry the definitions of build cells and "
        "solutions to where --to says, by name. Outputs stay: execute the lesson afterwards.",
    )
    command.add_argument("--to", required=True, choices=("notebooks", "package"))
    command.set_defaults(run=run_splice)
    return parser


def run_execute(args: argparse.Namespace) -> int:
    from minillama.plots import text

    failed = 0
    if len(text.fonts()) < 2:
        print(
            "warning: this machine has no font for Chinese, so figures get □ instead of its "
            "characters: install one first, such as Debian's fonts-noto-cjk",
            file=sys.stderr,
        )
    numbers = [Path(name).stem.partition("_")[0] for name in args.lessons]
    for lesson in choose_lessons(numbers):
        print(lesson.path.stem, end=" ", flush=True)
        start = time.perf_counter()
        try:
            notebook = execute(lesson.path)
            write_notebook(lesson.path, notebook)
            write_picture(lesson.path, notebook)
        except LessonError as error:
            failed += 1
            print(f"failed, and stays as it was.\n\n{error}\n")
        else:
            print(f"{time.perf_counter() - start:.1f} s")
    return 1 if failed else 0


def run_splice(args: argparse.Namespace) -> int:
    lessons = [lesson.path for lesson in choose_lessons([])]
    format_package(PACKAGE)
    done = carry(lessons, PACKAGE, args.to)
    if args.to == "package" and done.changed:
        format_package(PACKAGE)
        carry(lessons, PACKAGE, "notebooks")  # as ruff has laid it out
    for line in done.changed:
        print(f"to the {args.to}: {line}")
    for line in done.homeless:
        print(f"only in the lesson: {line}. Write it into the package where it belongs.")
    if not done.changed and not done.homeless:
        print("Lessons and package are the same.")
    return 1 if done.homeless else 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with these arguments (default: those it was called with); the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a console may not know Chinese: print a "?"
            stream.reconfigure(encoding="utf-8", errors="replace")
    args = build_parser().parse_args(argv)
    try:
        code: int = args.run(args)
        return code
    except (LessonError, ValueError) as error:
        print(f"minillama.course: error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    raise SystemExit(main())
