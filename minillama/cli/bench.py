"""`minillama bench`: how fast this machine trains and writes, and how near its limits."""

import argparse
import os
import time
from pathlib import Path
from typing import Any

DESCRIPTION = """\
Measure this machine: training and writing (in turns with Hugging Face transformers, if that is
installed), the most that its matrix products and memory allow, the seconds to the first text, peak
memory, and how long the lessons that train take. This takes about five minutes on an idle machine;
other programs that are running make the figures worse.

parts: training, decoding, start, memory, lessons
"""


def add(subparsers: Any) -> None:
    """Add the subcommand to the parser."""
    parser = subparsers.add_parser(
        "bench",
        help="measure how fast this machine trains and writes",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    option = parser.add_argument
    option("parts", nargs="*", metavar="PART", help="measure only these (default: all)")
    option(
        "--quick",
        action="store_true",
        help="take about a minute: fewer rounds and shapes, no lessons",
    )
    option("--threads", type=int, metavar="N", help="CPU threads for training (default: measured)")
    option(
        "--json",
        metavar="FILE",
        help="write everything that was measured to FILE (default: to no file)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Measure, then print."""
    from dataclasses import asdict

    from tqdm import tqdm

    from minillama.bench.jobs import PARTS, Bench
    from minillama.bench.words import as_text
    from minillama.system.files import write_json, writing

    bench = Bench(args.parts or PARTS, args.quick, args.threads)
    if args.json:  # before minutes of work, see whether its result can be kept
        with writing(Path(args.json)), Path(args.json).open("a"):
            pass
    began, computed = time.perf_counter(), sum(os.times()[:4])  # of its children too
    with tqdm(bench.jobs(), leave=False, disable=None, bar_format="{bar} {n}/{total}{desc}") as bar:
        for job in bar:
            bar.set_description_str(f" {job.label}")
            bench.carry_out(job)
    bench.report.seconds = time.perf_counter() - began
    bench.report.processor_seconds = sum(os.times()[:4]) - computed
    print(as_text(bench.report))
    if args.json:
        write_json(Path(args.json), asdict(bench.report))
