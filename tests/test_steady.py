"""Training and writing for long take no more memory than for a while."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

STEPS = int(os.environ.get("MINILLAMA_STEPS", "750"))

# Printed are the peaks of the second third of the steps, when whatever is kept for good has been
# taken, and of the last. Where a system tells only the peak so far, less is noticed.
COUNTING = """
import os, resource, sys

text, folder, steps = sys.argv[1], sys.argv[2], int(sys.argv[3])
peaks = [0, 0, 0]

def resident():
    if os.path.exists("/proc/self/statm"):
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit

def count(step):
    third = min(2, 3 * step // steps)
    peaks[third] = max(peaks[third], resident())
    if step == steps:
        print(*peaks[1:])
"""
# A run as the command makes it, with validations, samples and checkpoints.
TRAINING = """
from minillama.training.events import Step
from minillama.training.config import TrainConfig
from minillama.training.loop import train

config = TrainConfig(
    corpus=text, tokenizer="char", preset="tiny", steps=steps, batch_size=1, seq_len=8,
    every=100, keep=3, threads=1, dtype="float32",
)
for event in train(config, folder):
    if isinstance(event, Step):
        count(event.step)
"""
# One text after another, each as long as the model's context, and every other one two at once.
WRITING = """
from itertools import count as numbers
from minillama import ModelConfig, generate, generate_batch
from minillama.training.checkpoint import new_model
from minillama.tokenizer import Tokenizer

with open(text, encoding="utf-8") as file:
    tokenizer = Tokenizer.train(file, kind="char")
shape = ModelConfig.preset("tiny", vocab_size=tokenizer.vocab_size, max_seq_len=64)
model, prompt = new_model(shape, 0), tokenizer.encode("a cat")
step = 0
for n in numbers():
    if n % 2:
        pairs = generate_batch(model, [prompt, prompt[:2]], max_new_tokens=50, seed=n)
        tokens = (pair[0] for pair in pairs)
    else:
        tokens = generate(model, prompt, max_new_tokens=50, seed=n, top_p=0.9)
    for part in tokenizer.stream(tokens, after=prompt):
        step += 1
        count(step)
    if step > steps:
        break
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no module resource to measure memory with")
@pytest.mark.timeout(300 + STEPS // 10)
@pytest.mark.parametrize("program", [TRAINING, WRITING], ids=["training", "writing"])
def test_memory_does_not_grow_with_the_steps(tmp_path, program):
    text = tmp_path / "text.txt"
    text.write_text("a cat sat on a mat\n" * 30, encoding="utf-8")
    root = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", COUNTING + program, str(text), str(tmp_path / "run"), str(STEPS)],
        env=os.environ | {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    before, after = map(int, done.stdout.split())
    print(f"{before / 2**20:.2f} MiB, and {after / 2**20:.2f} MiB after {STEPS} steps")
    # The activations or gradients of a step, were they kept, would take far more than a kilobyte.
    assert after - before < 1e3 * STEPS / 3
