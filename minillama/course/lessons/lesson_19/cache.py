"""The check of KVCache, against a list of everything that was written."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from minillama.config import ModelConfig
from minillama.course.checking.answer import Case, call, refusal
from minillama.course.checking.check import Check
from minillama.course.complaint import Complaint, Known

CONFIG = ModelConfig.preset("tiny", dim=8, n_heads=4, n_kv_heads=2, n_layers=3, max_seq_len=8)
AXES = "batch kv_heads keys head_dim"

kv_cache = Check("KVCache", "cache")


def new(time: int, batch: int = 2) -> tuple[Tensor, Tensor]:
    return torch.randn(batch, 2, time, 2), torch.randn(batch, 2, time, 2)


def written(
    cache: Any, layer: int, piece: tuple[Tensor, Tensor], all_of_it: list[tuple[Tensor, Tensor]],
    example: str,
) -> Iterator[Case]:  # fmt: skip
    """Write one layer's piece; all_of_it, which ends with it, is what should come back."""
    got = call(cache.update, layer, *piece)
    if not isinstance(got, tuple | list) or len(got) != 2:
        raise Complaint(f"gives a {type(got).__name__} from update, and keys and values are right")
    right = [torch.cat(parts, dim=2) for parts in zip(*all_of_it, strict=True)]
    for name, theirs, ours in zip(("keys", "values"), got, right, strict=True):
        # A copy, because a cache may give back a view of what it goes on to write in.
        theirs = theirs.clone() if isinstance(theirs, Tensor) else theirs
        yield Case(theirs, ours, f"{example}, for the {name}", AXES)


def advanced(cache: Any, n: int, position: int) -> Case:
    call(lambda: cache.advance(n) or True)
    return Case(cache.position, position, f"advance({n}), for the position")


@kv_cache.probe("update leaves the position alone, and advance moves it")
def position(KVCache: Any) -> Iterator[Case]:
    cache = call(KVCache, CONFIG, 2)
    names = "keys values batch_size max_seq_len position documents".split()
    missing = [name for name in names if not hasattr(cache, name)]
    if missing:
        raise Known("other-names", f"\n  It has no {' and no '.join(missing)}.")
    yield Case(cache.position, 0, "a new cache, for the position")
    call(cache.update, 0, *new(3))
    if cache.position == 3:
        raise Known("advanced-per-layer")
    yield Case(cache.position, 0, "an update with 3 tokens, for the position")
    yield advanced(cache, 3, 3)
    yield advanced(cache, 2, 5)


@kv_cache.probe("two tokens, one after the other, by hand")
def by_hand(KVCache: Any) -> Iterator[Case]:
    config = ModelConfig.preset("tiny", dim=2, n_heads=1, n_kv_heads=1, n_layers=1, max_seq_len=4)
    cache, pieces = call(KVCache, config, 1), []
    for number in (1.0, 2.0):
        piece = torch.full((1, 1, 1, 2), number), torch.full((1, 1, 1, 2), 10 * number)
        pieces.append(piece)
        example = "room for 4 tokens, first k = [[[[1, 1]]]] and v = [[[[10, 10]]]]"
        if number == 2:
            example += ", then advance(1), then k = [[[[2, 2]]]] and v = [[[[20, 20]]]]"
        yield from written(cache, 0, piece, pieces, example)
        yield advanced(cache, 1, int(number))


@kv_cache.probe("every layer has keys and values of its own, in the order of the text")
def layers(KVCache: Any) -> Iterator[Case]:
    cache = call(KVCache, CONFIG, 2)
    pieces = [[new(time) for _ in range(3)] for time in (4, 1, 3)]
    for number, piece in enumerate(pieces):
        for layer in range(3):
            so_far = [earlier[layer] for earlier in pieces[: number + 1]]
            sizes = [k.shape[2] for k, _ in so_far]
            example = f"layer {layer} of 3 and pieces of {sizes} tokens"
            yield from written(cache, layer, piece[layer], so_far, example)
        call(lambda n=piece[0][0].shape[2]: cache.advance(n) or True)
    cache = call(KVCache, CONFIG, 2)
    one, other = call(cache.update, 0, *new(3)), call(cache.update, 0, *new(3))
    if any(a.untyped_storage().data_ptr() != b.untyped_storage().data_ptr()
           for a, b in zip(one, other, strict=True)):  # fmt: skip
        raise Known("copied")


@kv_cache.probe("writing the same layer again replaces, until the position moves")
def again(KVCache: Any) -> Iterator[Case]:
    cache, first, second = call(KVCache, CONFIG, 2), new(2), new(2)
    call(cache.update, 1, *first)
    yield from written(cache, 1, second, [second], "layer 1 written twice at the same position")


@kv_cache.probe("setting the position back forgets what came after it")
def set_back(KVCache: Any) -> Iterator[Case]:
    cache, first, wrong, right = call(KVCache, CONFIG, 2), new(3), new(2), new(2)
    for piece in (first, wrong):
        call(cache.update, 0, *piece)
        call(lambda n=piece[0].shape[2]: cache.advance(n) or True)
    cache.position = 3
    example = "3 tokens, 2 tokens, the position set back to 3, and 2 tokens"
    yield from written(cache, 0, right, [first, right], example)


def refused(doing: str, function: Any, *args: Any) -> Case:
    try:
        function(*args)
    except NotImplementedError:
        return Case(call(function, *args), "an error", doing)
    except Exception:  # of whatever kind: what matters is that it does not go on
        return Case("an error", "an error", doing)
    return Case("no error", "an error", doing)


@kv_cache.probe("what does not fit is refused, and nothing of it is kept")
def full(KVCache: Any) -> Iterator[Case]:
    cache, first, last = call(KVCache, CONFIG, 2, 6), new(5), new(1)
    call(cache.update, 0, *first)
    call(lambda: cache.advance(5) or True)
    several = "room for 6 tokens, 5 tokens in it and 2 more"
    yield refused(several, cache.update, 0, *new(2))
    kinds = {several: refusal(cache.update, 0, *new(2))}
    yield from written(cache, 0, last, [first, last], "2 tokens that are refused, then 1 that fits")
    yield refused("a cache of 9 tokens for a model of 8", KVCache, CONFIG, 2, 9)
    call(lambda: cache.advance(1) or True)
    noted = torch.ones(2, 1, dtype=torch.long)
    # One token by itself is what torch spreads into an empty slice, without an error.
    last_word = {
        "room for 6 tokens, 6 in it and update with 1 more": (cache.update, 0, *new(1)),
        "the same and update_documents with 1 more": (cache.update_documents, noted, 2, 1),
    }
    for example, (function, *args) in last_word.items():
        yield refused(example, function, *args)
        kinds[example] = refusal(function, *args)
    for example, how in kinds.items():
        if how not in ("a ValueError", "no error"):
            words = f"\n  It shows where, given {example}, there is {how}."
            raise Known("another-error", words)


@kv_cache.probe("a batch of another size is refused")
def other_batch(KVCache: Any) -> Iterator[Case]:
    cache = call(KVCache, CONFIG, 2)
    yield refused("a cache for 2 texts and keys of 1", cache.update, 0, *new(1, batch=1))


@kv_cache.probe("it may be kept in another dtype than the model computes in")
def other_dtype(KVCache: Any) -> Iterator[Case]:
    k, v = new(3)
    got = call(call(KVCache, CONFIG, 2, None, torch.bfloat16).update, 0, k, v)
    example = "a cache in bfloat16 and keys in float32"
    # Rounded to bfloat16 in between, and to nothing coarser.
    for ours, theirs in zip((k, v), got, strict=True):
        yield Case(theirs, ours.bfloat16().float(), example, AXES, 0.0, 0.0)
    cache = call(KVCache, CONFIG, 2, None, torch.float32, "meta")
    example = 'a cache on the device "meta", which stands for a GPU here, for the device of what'
    for theirs in call(cache.update, 0, k.to("meta"), v.to("meta")):
        yield Case(str(theirs.device), "meta", f"{example} update gives")
    got = call(cache.update_documents, torch.zeros(2, 3, dtype=torch.long, device="meta"), 2, 3)
    yield Case(str(got.device), "meta", f"{example} update_documents gives")


def documents_case(cache: Any, documents: Any, time: int, right: Any, example: str) -> Case:
    given = None if documents is None else torch.tensor(documents)
    try:
        got = cache.update_documents(given, 2, time)
    except NotImplementedError:
        got = call(cache.update_documents, given, 2, time)
    if isinstance(got, Tensor):
        got = got.clone()
    expected = None if right is None else torch.tensor(right)
    return Case(got, expected, example, "batch keys")


@kv_cache.probe("without documents there are none")
def no_documents(KVCache: Any) -> Iterator[Case]:
    cache = call(KVCache, CONFIG, 2)
    yield documents_case(cache, None, 3, None, "3 tokens without documents")
    yield advanced(cache, 3, 3)
    yield documents_case(cache, None, 1, None, "3 and 1 tokens without documents")


@kv_cache.probe("documents are remembered, and tokens without one are document 0")
def documents(KVCache: Any) -> Iterator[Case]:
    cache = call(KVCache, CONFIG, 2)
    right = [[-1, 0, 0], [1, 1, 2]]
    example = "documents [[-1, 0, 0], [1, 1, 2]]"
    yield documents_case(cache, [[-1, 0, 0], [1, 1, 2]], 3, right, example)
    yield advanced(cache, 3, 3)
    right = [[*row, 0] for row in right]
    yield documents_case(cache, None, 1, right, f"{example} and then one token with None")


@kv_cache.probe("documents go on after tokens without one")
def more_documents(KVCache: Any) -> Iterator[Case]:
    cache, right = call(KVCache, CONFIG, 2), [[-1, 0, 5], [1, 0, 6]]
    example = "documents [[-1], [1]], None, and [[5], [6]]"
    for position, given in enumerate(([[-1], [1]], None, [[5], [6]])):
        so_far = [row[: position + 1] for row in right]
        yield documents_case(cache, given, 1, so_far, example)
        yield advanced(cache, 1, position + 1)


@kv_cache.probe("tokens from before there were documents are document 0")
def late_documents(KVCache: Any) -> Iterator[Case]:
    cache = call(KVCache, CONFIG, 2)
    call(lambda: cache.update_documents(None, 2, 2) or True)
    yield advanced(cache, 2, 2)
    example = "2 tokens with None and then documents [[1], [-1]]"
    yield documents_case(cache, [[1], [-1]], 1, [[0, 0, 1], [0, 0, -1]], example)
    cache.position = 2
    example += ", the position set back to 2, and None"
    yield documents_case(cache, None, 1, [[0, 0, 0], [0, 0, 0]], example)
