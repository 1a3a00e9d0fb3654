"""The check of KVCache, against a list of everything that was written."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from minillama.config import ModelConfig
from minillama.course.checking.answer import Case, call, refusal
from minillama.course.checking.check import Check
from minillama.course.complaint import Known

CONFIG = ModelConfig.preset("tiny", dim=8, n_heads=4, n_kv_heads=2, n_layers=3, max_seq_len=8)
Piece = tuple[Tensor, Tensor]  # keys and values
AXES = "batch kv_heads keys head_dim"
NAMES = ("keys", "values", "position", "max_seq_len")

kv_cache = Check("KVCache", "cache")


def new(time: int, batch: int = 2) -> Piece:
    return torch.randn(batch, 2, time, 2), torch.randn(batch, 2, time, 2)


def written(cache: Any, layer: int, pieces: list[Piece], example: str) -> Iterator[Case]:
    """Write the last of one layer's pieces; all of them is what should come back."""
    got = call(cache.update, layer, *pieces[-1])
    if not isinstance(got, tuple | list) or len(got) != 2:
        raise Known("not-both", f" It gives a {type(got).__name__}.")
    right = [torch.cat(parts, dim=2) for parts in zip(*pieces, strict=True)]
    for name, theirs, ours in zip(("keys", "values"), got, right, strict=True):
        # A copy, because a cache may give back a view of what it goes on to write in.
        theirs = theirs.clone() if isinstance(theirs, Tensor) else theirs
        yield Case(theirs, ours, f"{example}, for the {name}", AXES)


def advance(cache: Any, n: int) -> None:
    call(lambda: (cache.advance(n),))


@kv_cache.probe("the rest of the package finds its attributes by their names")
def named(KVCache: Any) -> Iterator[Case]:
    cache = call(KVCache, CONFIG, 2)
    if missing := " and no ".join(name for name in NAMES if not hasattr(cache, name)):
        raise Known("other-names", f" A new cache has no {missing}.")
    yield from ()


@kv_cache.probe("update leaves the position alone, and advance moves it")
def position(KVCache: Any) -> Iterator[Case]:
    cache = call(KVCache, CONFIG, 2)
    yield Case(cache.position, 0, "a new cache, for the position")
    call(cache.update, 0, *new(3))
    yield Case(cache.position, 0, "an update with 3 tokens, for the position")
    for n, right in ((3, 3), (2, 5)):
        advance(cache, n)
        yield Case(cache.position, right, f"advance({n}), for the position")


@kv_cache.probe("two tokens, one after the other, by hand")
def by_hand(KVCache: Any) -> Iterator[Case]:
    config = ModelConfig.preset("tiny", dim=2, n_heads=1, n_kv_heads=1, n_layers=1, max_seq_len=4)
    cache, pieces = call(KVCache, config, 1), []
    for number in (1.0, 2.0):
        piece = torch.full((1, 1, 1, 2), number), torch.full((1, 1, 1, 2), 10 * number)
        pieces.append(piece)
        example = "first k = [[[[1, 1]]]] and v = [[[[10, 10]]]]"
        if number == 2:
            example += ", then advance(1), then k = [[[[2, 2]]]] and v = [[[[20, 20]]]]"
        yield from written(cache, 0, pieces, example)
        advance(cache, 1)


@kv_cache.probe("every layer has keys and values of its own, in the order of the text")
def layers(KVCache: Any) -> Iterator[Case]:
    cache, pieces = call(KVCache, CONFIG, 2), list[list[Piece]]()
    for sizes in ([4], [4, 1], [4, 1, 3]):
        pieces.append([new(sizes[-1]) for _ in range(3)])
        for layer in range(3):
            example = f"layer {layer} of 3 and pieces of {sizes} tokens"
            yield from written(cache, layer, [piece[layer] for piece in pieces], example)
        advance(cache, sizes[-1])


@kv_cache.probe("writing the same layer again replaces, until the position moves")
def again(KVCache: Any) -> Iterator[Case]:
    cache = call(KVCache, CONFIG, 2)
    call(cache.update, 1, *new(2))
    yield from written(cache, 1, [new(2)], "layer 1 written twice at the same position")


@kv_cache.probe("setting the position back forgets what came after it")
def set_back(KVCache: Any) -> Iterator[Case]:
    cache, first = call(KVCache, CONFIG, 2), new(3)
    for piece in (first, new(2)):
        call(cache.update, 0, *piece)
        advance(cache, piece[0].shape[2])
    cache.position = 3
    example = "3 tokens, 2 tokens, the position set back to 3, and 2 tokens"
    yield from written(cache, 0, [first, new(2)], example)


def refused(cache: Any, time: int, example: str) -> None:
    how = refusal(cache.update, 0, *new(time))
    if how != "a ValueError":
        mistake = "too-much-accepted" if how == "no error" else "another-error"
        raise Known(mistake, f"\n  It shows with {example}: it gives {how}.")


@kv_cache.probe("what does not fit is refused, and nothing of it is kept")
def full(KVCache: Any) -> Iterator[Case]:
    cache, first = call(KVCache, CONFIG, 2, 6), new(5)
    call(cache.update, 0, *first)
    advance(cache, 5)
    refused(cache, 2, "room for 6 tokens, 5 tokens in it and 2 more")
    yield from written(cache, 0, [first, new(1)], "2 tokens that are refused, then 1 that fits")
    advance(cache, 1)
    # One token by itself is what torch spreads into an empty slice, without an error.
    refused(cache, 1, "room for 6 tokens, 6 in it and update with 1 more")


@kv_cache.probe("a batch of another size is refused")
def other_batch(KVCache: Any) -> Iterator[Case]:
    if refusal(call(KVCache, CONFIG, 2).update, 0, *new(1, batch=1)) == "no error":
        raise Known("any-batch-accepted")
    yield from ()


@kv_cache.probe("it may be kept in another dtype than the model computes in")
def other_dtype(KVCache: Any) -> Iterator[Case]:
    k, v = new(3)
    cache = call(KVCache, CONFIG, 2, None, torch.bfloat16)
    call(cache.update, 0, k, v)
    advance(cache, 3)
    got = call(cache.update, 0, *new(1))
    example = "a cache in bfloat16 and keys in float32, for the tokens of the piece before"
    # Rounded to bfloat16 in between, and to nothing coarser.
    for ours, theirs in zip((k, v), got, strict=True):
        yield Case(theirs[:, :, :3], ours.bfloat16().float(), example, AXES, 0.0, 0.0)
    cache = call(KVCache, CONFIG, 2, None, torch.float32, "meta")
    example = 'a cache on the device "meta", which stands for a GPU here, for the device of what'
    for theirs in call(cache.update, 0, k.to("meta"), v.to("meta")):
        yield Case(str(theirs.device), "meta", f"{example} update gives")
