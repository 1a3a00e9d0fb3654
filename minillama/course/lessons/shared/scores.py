"""Mistakes that can be made in several functions; the text files of this folder hold them.

Those between queries, keys and values are the same in `attention_weights`, in `attend` and in the
whole of Attention: they are edits of a plain version that takes the place of the function's lines.
"""

from collections.abc import Iterable
from pathlib import Path

from minillama.course.checking.mistakes import Mistake, read_check

PLAIN = """\
time, keys = q.shape[-2], k.shape[-2]
causal = torch.ones(time, keys, dtype=torch.bool, device=q.device).tril(keys - time)
mask = causal if mask is None else mask
scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
scores = scores.masked_fill(~mask, -math.inf)
weights = scores.softmax(dim=-1)
"""
# The plain version needs a key-value head for each query head.
REPEATED = "".join(f"{x} = {x}.repeat_interleave(q.shape[1] // {x}.shape[1], 1)\n" for x in "kv")


def family(name: str) -> tuple[Mistake, ...]:
    """The mistakes of one text file, such as "weights"."""
    return read_check(Path(__file__).with_name(f"{name}.txt"))[1]


def mistakes(
    anchor: str, before: str, result: str, known: Iterable[Mistake]
) -> tuple[Mistake, ...]:
    """Mistakes of PLAIN, which is put, with its result, in front of a line of the source."""
    made, indent = list[Mistake](), anchor[: len(anchor) - len(anchor.lstrip())]
    for mistake in known:
        text = f"{before}{PLAIN}return {result}\n"
        for old, new in mistake.edits.items():
            assert text.count(old) == 1, (mistake.name, old)
            text = text.replace(old, new)
        lines = [f"{indent}{line}" for line in text.splitlines()]
        edits = {anchor: "\n".join([*lines, anchor])}
        made.append(Mistake(mistake.name, mistake.why, edits))
    return tuple(made)
