"""Checkpoints: a training written to its run folder whole, and read back bit for bit."""

import copy
import shutil
from functools import partial
from pathlib import Path

import torch

from minillama import runs
from minillama.config import ModelConfig
from minillama.learn import Training, new_training
from minillama.model import Llama
from minillama.optim import load_optimizer, save_optimizer
from minillama.recipe import Plan
from minillama.tokenizer import Tokenizer


def new_model(shape: ModelConfig, seed: int) -> Llama:
    """A model with random weights, which the seed decides."""
    with torch.random.fork_rng(devices=[]):  # the caller's own randomness goes on undisturbed
        torch.manual_seed(seed)
        return Llama(shape)


def save(folder: Path, training: Training, tokenizer: Tokenizer) -> Path:
    """A checkpoint: a whole folder with all that training needs, and generating too."""

    def write(path: Path) -> None:
        training.model.save_pretrained(path)
        tokenizer.save(path)
        save_optimizer(training.optimizer, training.model, path / "optimizer.safetensors")
        state = {name: getattr(training, name) for name in ("step", "tokens", "seconds")}
        runs.write_json(path / "state.json", state)

    return runs.save_checkpoint(folder, training.step, write)


def restore(folder: Path, plan: Plan, shape: ModelConfig) -> Training:
    """The training as the latest checkpoint has it, or at its very beginning."""
    training = new_training(new_model(shape, plan.seed), plan)
    checkpoint = runs.latest_checkpoint(folder)
    if checkpoint is not None:
        training.model.load_state_dict(Llama.from_pretrained(checkpoint).state_dict())
        load_optimizer(training.optimizer, training.model, checkpoint / "optimizer.safetensors")
        for name, value in runs.read_json(checkpoint / "state.json").items():
            setattr(training, name, value)
    return training


def keep(folder: Path, training: Training, tokenizer: Tokenizer) -> None:
    """A model without optimiser in bfloat16, half the size, for looking at later."""
    path = folder / "kept" / f"step-{training.step:06d}"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)

        def write(path: Path) -> None:
            copy.deepcopy(training.model).to(torch.bfloat16).save_pretrained(path)
            tokenizer.save(path)

        runs.write_atomically(path, write)


def publish(folder: Path, checkpoint: Path) -> None:
    """Make the run folder itself a model folder, with what the checkpoint holds."""
    for name in ("tokenizer.model", "model.safetensors", "config.json"):
        runs.write_atomically(folder / name, partial(shutil.copyfile, checkpoint / name))
