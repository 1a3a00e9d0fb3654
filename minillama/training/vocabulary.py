"""The tokenizer of a run: a model's, one in a folder, the corpus's own, or one that is trained."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path

from minillama.system.assets import asset_path
from minillama.tokenizer import Tokenizer
from minillama.training.config import BPE, VOCAB_SIZE, Plan
from minillama.weights import load_tokenizer
from minillama.weights.tokenizers import read_tokenizer

SAMPLE = 10**7  # characters to train a tokenizer on, at most: SentencePiece takes 15 bytes for each
STRETCH = 2**14  # characters of a text that are taken together


def given_tokenizer(plan: Plan, shipped: str | None = None) -> Tokenizer | None:
    """The tokenizer that a plan names, or None where one has to be trained.

    shipped: the asset to take where no other tokenizer is asked for.
    """
    if plan.init_from is not None:
        tokenizer = load_tokenizer(plan.init_from)
    elif plan.tokenizer not in (None, BPE, "char"):
        tokenizer = read_tokenizer(Path(plan.tokenizer))
    elif shipped and plan.tokenizer in (None, BPE) and plan.vocab_size is None:
        tokenizer = Tokenizer.load(asset_path(shipped))
    else:
        return None
    check_tokenizer(tokenizer, f"of {plan.init_from}" if plan.init_from else plan.tokenizer or BPE)
    return tokenizer


def train_tokenizer(plan: Plan, texts: Iterable[str]) -> tuple[Tokenizer, tuple[str, ...]]:
    """A tokenizer of the kind that a plan asks for, and what its user should know about it.

    A vocabulary that was not asked for is as large as the texts support.
    """
    texts, kind = list(texts), plan.tokenizer or BPE
    try:
        return Tokenizer.train(texts, plan.vocab_size or VOCAB_SIZE, kind), ()
    except ValueError:
        if plan.vocab_size is not None:
            raise
    tokenizer = Tokenizer.train(texts, VOCAB_SIZE, kind, at_most=True)
    return tokenizer, (
        f"The vocabulary has {tokenizer.vocab_size:,} tokens, because the text does not support "
        f"the usual {VOCAB_SIZE:,}.",
    )


def tokenizer_for(
    plan: Plan, read: Callable[[], Iterator[str]], total: int, together: bool = False
) -> tuple[Tokenizer, tuple[str, ...]]:
    """The tokenizer that a plan names, or one trained on texts: if they are long, on a sample.

    read: gives the texts, with `total` characters, as often as it is called. together: they are
    pieces of one text. Beside the tokenizer there is what its user should know about it.
    """
    if (given := given_tokenizer(plan)) is not None:
        return given, ()
    texts = [*sample(read(), total, SAMPLE)]
    texts = ["".join(texts)] if together else texts
    notes: tuple[str, ...] = ()
    if total > SAMPLE:
        of_all = f"{sum(map(len, texts)) / 1e6:.0f} of {total / 1e6:.0f} million characters"
        notes = (f"The tokenizer is trained on a sample: {of_all}, from everywhere in the text.",)
        if plan.tokenizer == "char":  # has every character of the text, however rare
            missing = {*chain.from_iterable(map(set, read()))}.difference(*texts)
            texts.append("".join(sorted(missing)))
    tokenizer, more = train_tokenizer(plan, texts)
    return tokenizer, notes + more


def sample(texts: Iterable[str], total: int, most: int) -> Iterator[str]:
    """Of texts with `total` characters all, or stretches from everywhere with about `most`."""
    seen = taken = 0
    for text in texts:
        for start in range(0, len(text), STRETCH) if total > most else [0]:
            stretch = text[start : start + STRETCH] if total > most else text
            if taken * total <= seen * most:
                taken += len(stretch)
                yield stretch
            seen += len(stretch)


def check_tokenizer(tokenizer: Tokenizer, name: str) -> None:
    """Raise ValueError for a tokenizer, of this name, that cannot begin and end documents."""
    if min(tokenizer.bos_id, tokenizer.eos_id) < 0:
        raise ValueError(
            f"the tokenizer {name} has no begin and end of text (bos and eos), which every "
            "document needs: take one that has"
        )
