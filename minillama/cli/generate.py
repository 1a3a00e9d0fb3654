"""`minillama generate`: let a model write, one text as it is made or many side by side."""

import argparse
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from minillama.cli.options import add_options, given
from minillama.config import Sampling

if TYPE_CHECKING:
    from minillama.model import Llama

ROWS = 32  # samples that are written side by side


def add(subparsers: Any) -> None:
    """Add the subcommand to the parser."""
    parser = subparsers.add_parser(
        "generate",
        help="let a model write",
        description="Let a model continue a prompt. A single text is printed while it is written.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--model", default="toytown", metavar="DIR", help="folder of a model or a run, or the name "
        "of a model that comes with minillama (default: toytown)",
    )  # fmt: skip
    parser.add_argument(
        "words", nargs="*", metavar="PROMPT",
        help="how the text begins (default: the model begins it)",
    )  # fmt: skip
    parser.add_argument("--prompt", metavar="TEXT", help="the same, as an option (default: PROMPT)")
    parser.add_argument(
        "--max-new-tokens", type=int, default=512, metavar="N",
        help="stop after N tokens (default: %(default)s)",
    )  # fmt: skip
    add_options(parser, Sampling, temperature=0.8)
    parser.add_argument(
        "--stop", action="append", default=[], metavar="TEXT",
        help="end before this text; may be given several times "
        "(default: only where the model ends)",
    )  # fmt: skip
    parser.add_argument(
        "--samples", type=int, default=1, metavar="N",
        help="write N texts, and print them separated by empty lines (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--seed", type=int, metavar="S",
        help="the same seed gives the same text (default: another one each time)",
    )  # fmt: skip
    parser.add_argument(
        "--compile", action="store_true",
        help="compile for 20 seconds, then write almost twice as fast (needs g++ or clang++)",
    )  # fmt: skip
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Print the samples."""
    import minillama
    from minillama.inference.fused import fuse_decoding

    if args.samples < 1:
        raise ValueError(f"--samples must be at least 1, not {args.samples}")
    if "" in args.stop:
        raise ValueError("--stop needs a text, not an empty one")
    if args.words and args.prompt is not None:
        raise ValueError(
            "give the prompt once, and in quotes: by itself or with --prompt, not both"
        )
    begun = " ".join(args.words) or args.prompt or ""
    model, tokenizer = minillama.load(args.model)
    if args.compile:
        from minillama.inference.compiled import compile_decoding

        compile_decoding(model)
    else:
        fuse_decoding(model)
    prompt = tokenizer.encode(begun, bos=True)
    options = given(args, Sampling) | {
        "max_new_tokens": args.max_new_tokens,
        "stop": tokenizer.eos_ids,
    }
    together = 1 if args.compile else ROWS  # what is compiled is a step of one text
    samples = _samples(model, prompt, args.samples, together, args.seed, options)
    for n, tokens in enumerate(samples):
        text = until(tokenizer.stream(tokens, after=prompt), args.stop)
        for n_parts, part in enumerate(text):
            if n_parts == 0:  # only now, so that a refused setting prints nothing
                print("\n" * (n > 0) + begun, end="")
            print(part, end="", flush=True)
        print()


def _samples(
    model: "Llama",
    prompt: Sequence[int],
    n: int,
    together: int,
    seed: int | None,
    options: dict[str, Any],
) -> Iterator[Iterable[int]]:
    """The tokens of each sample; one that is written alone arrives token by token."""
    from minillama.inference.engine import continuations, generate

    for start in range(0, n, together):
        rows = min(together, n - start)
        own = options | {"seed": None if seed is None else seed + start}
        if rows == 1:
            yield generate(model, prompt, **own)
        else:
            yield from continuations(model, [prompt] * rows, **own)


def until(parts: Iterable[str], stops: Sequence[str]) -> Iterator[str]:
    """Yield the parts up to the first of the stop texts, which may be spread over several parts.

    The end of what came so far is held back for as long as it could be the beginning of a stop.
    """
    held = ""
    for part in parts:
        held += part
        longest = max((_overlap(held, stop) for stop in stops), default=0)
        open_at = len(held) - longest  # where a stop may have begun that is not whole yet
        ends = [held.index(stop) for stop in stops if stop in held]
        if ends and min(ends) <= open_at:
            yield held[: min(ends)]
            return
        yield held[:open_at]
        held = held[open_at:]
    yield held[: min((held.index(stop) for stop in stops if stop in held), default=len(held))]


def _overlap(text: str, stop: str) -> int:
    """How many characters at the end of the text are a beginning of `stop`."""
    return next((n for n in range(min(len(text), len(stop)), 0, -1) if text.endswith(stop[:n])), 0)
