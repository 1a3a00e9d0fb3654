"""`minillama workbook`: a folder of lessons with blanks, and a package of the reader's own."""

import argparse
import importlib.util
import re
from pathlib import Path
from typing import Any


def add(subparsers: Any) -> None:
    """Add the subcommand to the parser."""
    parser = subparsers.add_parser(
        "workbook",
        help="make a folder of lessons to work through",
        description="Make a folder with the lessons, in which you write the parts of a LLaMA "
        "yourself, and with your own package my_minillama, which takes in each part that is right. "
        "If the folder is a workbook already, made by an earlier minillama or with only some of "
        "the lessons, the missing lessons are added and everything in it stays as it is.",
        usage="%(prog)s [-h] DIR [--lessons NN ...] [--repair]",
        allow_abbrev=False,
    )
    parser.add_argument("folder", nargs="?", metavar="DIR", help="folder to make, or to add to")
    parser.add_argument(
        "--lessons",
        nargs="+",
        action="extend",
        default=[],
        metavar="NN",
        help="only these, such as 04 05 or 04,05 (default: all)",
    )
    parser.add_argument(
        "--repair",
        action="store_true",
        help="write anew what is missing or broken in DIR; what is yours stays (default: do not)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Make it, and say what to do next."""
    from minillama.cli.shared import command
    from minillama.course.workbook.make import make_workbook
    from minillama.course.workbook.repair import is_left_of_one, repair
    from minillama.course.workbook.update import is_workbook, update_workbook

    words = list(args.lessons)
    if args.folder is None and words and not re.fullmatch(r"[\d,]*", words[-1]):
        args.folder = words.pop()  # it stands behind the lessons, which take whatever follows
    if args.folder is None:
        raise ValueError("name the folder to make, such as: minillama workbook my-course")
    folder = Path(args.folder)
    if args.repair:
        if not is_left_of_one(folder):
            raise ValueError(f"{folder} is no workbook: without --repair, this makes one")
        print("\n".join(repair(folder)) or f"Nothing is missing or broken in {folder}.")
        return
    numbers = [number for word in words for number in word.split(",") if number]
    if is_workbook(folder):
        chosen, added = update_workbook(folder, numbers)
        print(f"{folder} is a workbook already, and keeps what it has.")
        print(f"Parts added to build in my_minillama: {', '.join(added) or 'none'}")
        print(f"Lessons added: {'' if chosen else 'none'}".rstrip())
    else:
        chosen = make_workbook(folder, numbers)
        print(f"{folder} has your package my_minillama, a README.md, and")
    for lesson in chosen:
        names = [name for build in lesson.builds for name in build.definitions]
        builds = f"  You build {', '.join(names)}." if names else ""
        print(f"  {lesson.path.name}{builds}")
    if importlib.util.find_spec("jupyterlab") is None:
        print("JupyterLab is not installed here: pip install 'minillama[course]' first.")
    lab = command(folder, program=("jupyter", "lab"), module="jupyterlab")
    print(f"Open it:\n  {lab}")
