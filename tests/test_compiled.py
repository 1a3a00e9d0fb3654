"""A compiled decoder writes what the model writes.

In a process of its own, since the compiler cannot see through the checks of shapes that tests run
with.
"""

import subprocess
import sys

import pytest

from minillama.config import ModelConfig
from minillama.inference import compiled
from minillama.model import Llama

PROGRAM = """
import torch
from minillama.cache import KVCache
from minillama.inference.compiled import compile_decoding
from minillama.config import ModelConfig
from minillama.model import Llama
from minillama.inference.engine import generate, generate_batch

torch.set_num_threads(1)
shape = {"dim": 32, "n_heads": 4, "n_kv_heads": 2, "hidden_dim": 48}
torch.manual_seed(0)

def plain_and_fast(layers):
    plain = Llama(ModelConfig(**shape, n_layers=layers, vocab_size=60, max_seq_len=48))
    for parameter in plain.parameters():
        parameter.data.mul_(4)  # far from uniform, so that an error shows
    fast = Llama(plain.config)
    fast.load_state_dict(plain.state_dict())
    assert compile_decoding(fast) is fast is compile_decoding(fast)
    return plain, fast

plain, fast = plain_and_fast(2)

with torch.inference_mode():
    ours, theirs = (KVCache(plain.config, 1, 24) for _ in range(2))
    prompt = torch.tensor([[1, 2, 3]])
    assert torch.equal(fast(prompt, ours), plain(prompt, theirs))
    for token in range(4, 9):
        step = torch.tensor([[token]])
        torch.testing.assert_close(fast(step, ours), plain(step, theirs), rtol=1e-4, atol=1e-4)
    assert ours.position == theirs.position == 8
    ours.position = theirs.position = 5  # forget the last three tokens, and go on otherwise
    step = torch.tensor([[40]])
    torch.testing.assert_close(fast(step, ours), plain(step, theirs), rtol=1e-4, atol=1e-4)

class Forgetful(KVCache):  # a cache of another kind is asked for its own update
    def update(self, layer, k, v):
        return super().update(layer, k, v * 0)

with torch.no_grad():
    ours, theirs = (Forgetful(plain.config, 1, 24) for _ in range(2))
    torch.testing.assert_close(fast(step, ours), plain(step, theirs), rtol=1e-4, atol=1e-4)
    # A cache in another dtype, or laid otherwise in memory, and then the usual kind.
    plain_1, fast_1 = plain_and_fast(1)  # one layer takes less time to compile
    dtypes = [torch.float64, torch.float32, torch.float32, torch.float32]
    caches = [KVCache(plain_1.config, 1, 24, dtype) for dtype in dtypes]
    caches[1].keys = caches[1].keys.mT.contiguous().mT
    expected = plain_1(torch.tensor([[1, 2, 3, 40]]))[:, -1:]
    for cache, token in zip(caches, [step, step, step, step.int()]):
        fast_1(prompt, cache)
        torch.testing.assert_close(fast_1(token, cache), expected, rtol=1e-4, atol=1e-4)

options = {"max_new_tokens": 21, "temperature": 0.9, "seed": 5}
assert [*generate(fast, [1, 2, 3], **options)] == [*generate(plain, [1, 2, 3], **options)]
prompts = [[1], [1, 7, 8], [9, 3]]  # padded on the left: padding must not be seen
options["max_new_tokens"] = 8
assert [*generate_batch(fast, prompts, **options)] == [*generate_batch(plain, prompts, **options)]

with torch.no_grad():  # weights changed in place are the compiled program's too
    for weights in (fast.layers[0].feed_forward.w_up, plain.layers[0].feed_forward.w_up):
        weights.weight.mul_(-2)
options["max_new_tokens"] = 21
assert [*generate(fast, [1, 2, 3], **options)] == [*generate(plain, [1, 2, 3], **options)]

tokens = torch.tensor([[1, 2, 3]])
fast(tokens).sum().backward()  # training is not touched
assert fast.tok_embeddings.weight.grad is not None
del fast.forward
assert "forward" not in vars(fast)
print("equal")
"""


def test_it_writes_the_same_from_prompts_of_any_length():
    try:
        compiled.check_compiler()
    except ValueError as error:
        pytest.skip(str(error))
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert done.stdout.endswith("equal\n"), done.stderr


def test_without_a_compiler_it_says_what_is_missing_and_changes_nothing(monkeypatch):
    monkeypatch.setattr(compiled.shutil, "which", lambda name: None)
    shape = {"dim": 8, "n_layers": 1, "n_heads": 1, "n_kv_heads": 1, "hidden_dim": 8}
    model = Llama(ModelConfig(**shape, vocab_size=8, max_seq_len=8))
    with pytest.raises(ValueError, match=r"install g\+\+ or clang"):
        compiled.compile_decoding(model)
    assert "forward" not in vars(model)
