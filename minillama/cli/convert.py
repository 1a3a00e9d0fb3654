"""`minillama convert`: a model folder in another format."""

import argparse
from pathlib import Path
from typing import Any


def add(subparsers: Any) -> None:
    """Add the subcommand to the parser."""
    parser = subparsers.add_parser(
        "convert",
        help="save a model in another format",
        description="Read a model folder, in whatever format it is, and save it in another one, "
        "with a README.md that says what the model is and how to load it.",
        allow_abbrev=False,
    )
    parser.add_argument("source", metavar="SOURCE", help="folder of the model, or a shipped name")
    parser.add_argument("target", metavar="TARGET", help="new folder to make")
    parser.add_argument(
        "--format", choices=("native", "hf"), default="hf",
        help="hf: as Hugging Face transformers reads it; native: minillama's own "
        "(default: %(default)s)",
    )  # fmt: skip
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Convert, with the tokenizer where the source has one."""
    from minillama.system.files import write_text
    from minillama.training.card import CARD, model_card
    from minillama.weights import find_model, load_model, load_tokenizer, save_model

    source, target = find_model(args.source), Path(args.target)
    if target.exists():
        raise FileExistsError(f"{target} exists already: name a new folder")
    try:
        tokenizer = load_tokenizer(source)
    except FileNotFoundError:
        tokenizer = None
    model = load_model(source)
    save_model(model, target, args.format, tokenizer)
    card = model_card(source, model, target.resolve().name, args.format, tokenizer is not None)
    write_text(target / CARD, card)
    print(f"{target} is the model of {source} in the format {args.format}")
    if tokenizer is None:
        print(f"{source} has no tokenizer that minillama reads, so {target} has none either")
    print(f"{target / CARD} says what it is and how to load it; the license is yours to choose")
