"""Decoding as one compiled program: a token of a small model is a thousand tiny operations.

Each costs microseconds to start, and each matrix is read from memory to be used only once. Compiled
into one program, a step does little more than that reading. The blocks are called as they are; only
two things are told to the compiler, since its own choices for them are slow on a CPU: to write out
the attention, instead of calling PyTorch's kernel, and each product of a matrix and one vector.
"""

import copy
import shutil
from collections.abc import Callable, Sequence
from functools import partial
from types import FunctionType
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from minillama.cache import KVCache
from minillama.model import Llama


def compile_decoding(model: Llama) -> Llama:
    """Let `model`, from now on, compute the steps of one text with a compiled program; returns it.

    Prompts, batches, training and a forward without a cache go on as before. The first step
    compiles for 10 to 20 seconds, and so does the first with another size of cache, of which
    `generate` uses few: with sizes left open, the program would take twice as long.
    The program reads the model's own weights: they may be changed in place, but not exchanged for
    other tensors. `del model.forward` undoes it.

    Raises ValueError where there is no C++ compiler, which torch.compile needs on a CPU, and where
    the model's steps are fused.
    """
    own = vars(model).get("forward")
    if getattr(own, "func", None) is _forward:
        return model  # it is compiled already
    if own is not None:
        raise ValueError("this model has a forward of its own already: `del model.forward` first")
    check_compiler()
    model.forward = partial(_forward, model, _rewritten(model), {})  # type: ignore[method-assign]
    return model


def check_compiler() -> None:
    """Raise ValueError if torch.compile would find no C++ compiler."""
    from torch._inductor import cpp_builder, exc

    try:
        found = shutil.which(cpp_builder.get_cpp_compiler())
    except exc.InvalidCxxCompiler:
        found = None
    if found is None:
        raise ValueError(
            "compiling needs a C++ compiler, and none was found: install g++ or clang++, "
            "or decode without it"
        )


def _forward(
    model: Llama,
    rewritten: Llama,
    programs: dict[object, Callable[..., Tensor]],
    tokens: Int[Tensor, "batch time"],
    cache: KVCache | None = None,
    mask: Bool[Tensor, "#batch 1 time keys"] | None = None,
) -> Float[Tensor, "batch time vocab_size"]:
    if (
        type(cache) is not KVCache  # another kind has an `update` of its own
        or tokens.shape != (1, 1)
        or mask is not None
        or cache.position >= min(cache.max_seq_len, model.config.max_seq_len)
        or cache.keys.shape[1] != 1
        or torch.is_grad_enabled()
    ):
        return Llama.forward(model, tokens, cache, mask)  # which refuses what does not fit
    position = torch.tensor([cache.position], device=tokens.device)
    inputs = tokens, position, cache.keys.unbind(), cache.values.unbind()
    # A program is for one size of cache. That it fits is asked here, and of all inputs that may
    # differ: asked by the compiler, of every weight too, it took a sixth of a step.
    fits = tuple((x.shape, x.stride(), x.dtype) for x in (tokens, cache.keys, cache.values))
    if fits in programs:
        logits = programs[fits](*inputs)
    else:
        program = _program(rewritten)
        with sdpa_kernel(SDPBackend.MATH):  # it is compiled when it is called first
            logits = program(*inputs)
        programs[fits] = program
    cache.advance(1)
    return logits


def _program(model: Llama) -> Callable[..., Tensor]:
    # The compiler keeps its programs with the code that they were made of: each gets a copy.
    code = FunctionType(_step.__code__.replace(), _step.__globals__)
    options: dict[str, Any] = {
        "guard_filter_fn": torch.compiler.skip_all_guards_unsafe,
        "size_asserts": False,
        # A norm is worked out once, and not anew for every row of the matrix that it goes into.
        "realize_opcount_threshold": 4,
    }
    return partial(torch.compile(code, dynamic=False, fullgraph=True, options=options), model)


def _step(
    model: Llama,
    tokens: Int[Tensor, "1 1"],
    position: Int[Tensor, "1"],
    keys: Sequence[Tensor],
    values: Sequence[Tensor],
) -> Float[Tensor, "1 1 vocab_size"]:
    """What is compiled: one token through the blocks of the model."""
    cache = _Slots(position, keys, values)
    mask = (torch.arange(keys[0].shape[2], device=tokens.device) <= position)[None, None, None]
    cos, sin = model.cos[position], model.sin[position]
    x = model.tok_embeddings(tokens)
    for block in model.layers:
        x = block(x, cos, sin, mask, cache)
    return model.output(model.norm(x))


def _rewritten(model: Llama) -> Llama:
    """A copy that shares the weights, and whose products are written out for one vector."""
    shared = {id(tensor): tensor for tensor in (*model.parameters(), model.cos, model.sin)}
    model = copy.deepcopy(model, shared)
    for module in model.modules():
        if type(module) is nn.Linear:
            module.__class__ = _Linear
    return model


class _Slots(KVCache):
    """A cache's slots as the compiler sees them: all of them every time, filled or not."""

    def __init__(self, position: Tensor, keys: Sequence[Tensor], values: Sequence[Tensor]) -> None:
        self.place, self.slots = position, [*zip(keys, values, strict=True)]

    def update(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        keys, values = self.slots[layer]
        keys[:, :, self.place] = k.to(keys.dtype)
        values[:, :, self.place] = v.to(values.dtype)
        return keys.to(k.dtype), values.to(v.dtype)


class _Linear(nn.Linear):
    """A product with one vector, written out: compiled, it reads the matrix at memory's speed."""

    def forward(self, x: Tensor) -> Tensor:
        return (self.weight * x).sum(-1)[None]  # x is (1, 1, in_features)
