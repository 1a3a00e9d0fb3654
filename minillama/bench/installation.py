"""Does everything work here, and how fast is this machine?"""

import platform
import time
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version

import torch

import minillama
from minillama.data import PackedBatches, documents_from_texts
from minillama.model import Llama
from minillama.system.machine import seconds_for, usable_cpus
from minillama.toytown import judge, story
from minillama.training.config import TrainConfig, draft
from minillama.training.step import new_training, take_step

NEEDED = ("torch", "jupyterlab", "ipywidgets", "matplotlib")
MINUTES = 5


@dataclass(frozen=True)
class MachineReport:
    """What `machine_report` measured."""

    tokens_written_per_second: float
    tokens_learnt_per_second: float

    def _ipython_display_(self) -> None:
        """Nothing: the report has been printed already."""


def machine_report() -> MachineReport:
    """Print whether the installation works and how fast this machine is; takes some seconds.

    Writing is measured with the model that ships, learning with the preset `small`, on the threads
    that PyTorch is set to. Raises RuntimeError if the shipped model does not write ToyTown.
    """
    print(
        f"Python {platform.python_version()} on {platform.platform()}, {usable_cpus()} processors"
    )
    print(", ".join(f"{name} {_version(name)}" for name in NEEDED))

    model, tokenizer = minillama.load("toytown")
    prompt = tokenizer.encode("Once upon a time", bos=True)
    start = time.perf_counter()
    tokens = list(minillama.generate(model, prompt, temperature=0, stop=tokenizer.eos_ids))
    written = len(tokens) / (time.perf_counter() - start)
    if not judge(tokenizer.decode(prompt + tokens)).grammatical:
        raise RuntimeError("the model does not write ToyTown's sentences: install minillama anew")

    threads = torch.get_num_threads()
    plan = replace(draft(TrainConfig(preset="small")), steps=1000, warmup=1000, threads=threads)
    texts = [story(i, language="en").text for i in range(100)]
    documents = documents_from_texts(texts, tokenizer)
    batch = PackedBatches(documents, plan.seq_len, plan.batch_size, seed=0).batch(0)
    training = new_training(Llama(minillama.ModelConfig.preset("small")), plan)
    seconds = seconds_for(lambda: take_step(training, [batch], plan))
    learnt = batch.tokens.numel() / seconds

    million = learnt * 60 * MINUTES / 1e6
    print(f"writing   {written:8,.0f} tokens a second, one text")
    print(f"learning  {learnt:8,.0f} tokens a second on {threads} thread{'s'[: threads > 1]}")
    command = f"minillama train --preset small --minutes {MINUTES}"
    print(f"`{command}` would read {million:.1f} million tokens, or more")
    print("Everything works.")
    return MachineReport(written, learnt)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return 'is missing: pip install "minillama[course]"'
