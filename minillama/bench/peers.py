"""The rival: Hugging Face's LlamaForCausalLM with our weights, trained and run as people do.

The only file of the package that imports transformers, and only when it is called: it is what we
are measured against, and nothing but `minillama bench` needs it.
"""

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from tempfile import TemporaryDirectory
from typing import Any

import torch

from minillama.data import IGNORED, Batch
from minillama.model import Llama
from minillama.system.machine import precision
from minillama.weights import save_model


def have_peers() -> bool:
    """Whether transformers is installed."""
    return find_spec("transformers") is not None


def their_model(model: Llama) -> Any:
    """LlamaForCausalLM in float32, with a copy of our weights."""
    from transformers import LlamaForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    with TemporaryDirectory() as folder:
        save_model(model, folder, format="hf")
        theirs = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32)
    theirs.generation_config.eos_token_id = None  # no token ends a text
    theirs.generation_config.pad_token_id = 0
    theirs.config.use_cache = False  # as their Trainer has it; `generate` is told otherwise
    return theirs


def standard_loop(
    model: Any, dtype: str, optimizer: torch.optim.Optimizer, clip: float
) -> Callable[[Batch], float]:
    """A step as their documentation writes it, for one batch; gives the loss.

    dtype: "float32", or "bfloat16" under autocast. The batch's documents are not kept apart.
    """

    def step(batch: Batch) -> float:
        # They shift labels by one themselves: a row's last target is lost.
        first = torch.full_like(batch.targets[:, :1], IGNORED)
        labels = torch.cat([first, batch.targets[:, :-1]], dim=1)
        with precision(dtype):
            loss = model(input_ids=batch.tokens, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        optimizer.zero_grad()
        return float(loss.item())

    return step


def their_greedy(model: Any, prompt: Sequence[int], n: int) -> list[int]:
    """The n likeliest tokens after the prompt, one after another, with their cache."""
    tokens = torch.tensor([list(prompt)])
    with torch.inference_mode():
        out = model.generate(
            tokens,
            attention_mask=torch.ones_like(tokens),
            max_new_tokens=n,
            do_sample=False,
            use_cache=True,
        )
    return [int(token) for token in out[0, len(prompt) :]]
