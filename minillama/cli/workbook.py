"""`minillama workbook`: a folder of lessons with blanks, and a package of the reader's own."""

import argparse
import importlib.util
from pathlib import Path
from typing import Any


def add(subparsers: Any) -> None:
    """Add the subcommand to the parser."""
    parser = subparsers.add_parser(
        "workbook",
        help="make a folder of lessons to work through",
        description="Make a folder with the lessons, in which you write the parts of a LLaMA "
        "yourself, and with your own package my_minillama, which takes in each part that is right.",
        allow_abbrev=False,
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="new folder to make")
    parser.add_argument(
        "--lessons", nargs="+", default=[], metavar="NN", help="only these, such as 00 04 (all)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Make it, and say what to do next."""
    from minillama.cli.shared import command
    from minillama.course.workbook.make import make_workbook

    chosen = make_workbook(args.folder, args.lessons)
    print(f"{args.folder} has your package my_minillama, a README.md, and")
    for lesson in chosen:
        names = [name for build in lesson.builds for name in build.definitions]
        builds = f"  You build {', '.join(names)}." if names else ""
        print(f"  {lesson.path.name}{builds}")
    if importlib.util.find_spec("jupyterlab") is None:
        print("JupyterLab is not installed here: pip install 'minillama[course]' first.")
    lab = command(args.folder, program=("jupyter", "lab"), module="jupyterlab")
    print(f"Open it:\n  {lab}")
