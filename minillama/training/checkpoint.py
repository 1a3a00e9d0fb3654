"""What a training saves: checkpoints, read back bit for bit, and models to look at later."""

import copy
import math
import shutil
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from minillama.config import ModelConfig
from minillama.data import Batch
from minillama.model import Llama
from minillama.runs.checkpoints import latest_checkpoint, save_checkpoint, step_name, step_of
from minillama.system.fields import check_types
from minillama.system.files import read_json, write_atomically, write_json, writing
from minillama.tokenizer import Tokenizer
from minillama.training.config import Plan
from minillama.training.optimizer_file import load_optimizers, save_optimizers
from minillama.training.step import Training, check_weights, new_training
from minillama.weights import load, load_model, save_model
from minillama.weights.tokenizers import save_tokenizer

OF_TRAINING = {"optimizer.safetensors", "state.json"}  # in a checkpoint, beside the model


@dataclass(frozen=True)
class State:
    """What state.json holds of a training: how far it has come."""

    step: int
    tokens: int
    seconds: float


def new_model(shape: ModelConfig, seed: int) -> Llama:
    """A model with random weights, which the seed decides."""
    with torch.random.fork_rng(devices=[]):  # which leaves the caller's own random numbers alone
        torch.manual_seed(seed)
        return Llama(shape)


def save(folder: Path, training: Training, tokenizer: Tokenizer) -> Path:
    """A checkpoint: a folder with all that training needs, which is also a model folder.

    Raises Diverged for weights that are NaN or infinite, and WriteError if the disk refuses.
    """
    check_weights(training)

    def write(path: Path) -> None:
        save_model(training.model, path)
        save_tokenizer(tokenizer, path)
        save_optimizers(training.optimizers, training.model, path / "optimizer.safetensors")
        state = State(training.step, training.tokens, training.seconds)
        write_json(path / "state.json", asdict(state))

    return save_checkpoint(folder, training.step, write)


def restore(folder: Path, plan: Plan, shape: ModelConfig) -> Training:
    """The training as the latest checkpoint has it, or at its very beginning.

    It begins with random weights, or with those of the model that the plan names in init_from.
    Raises FileNotFoundError or ValueError for a checkpoint that is damaged or of another run.
    """
    training = new_training(new_model(shape, plan.seed), plan)
    checkpoint = latest_checkpoint(folder)
    if checkpoint is None and plan.init_from is not None:
        training.model.load_state_dict(load(plan.init_from)[0].state_dict())
    if checkpoint is not None:
        stored = load_model(checkpoint)
        if stored.config != shape:
            raise ValueError(f"{checkpoint} holds a model of another shape than run.json says")
        training.model.load_state_dict(stored.state_dict())
        load_optimizers(training.optimizers, training.model, checkpoint / "optimizer.safetensors")
        state = read_state(checkpoint)
        if state.step > plan.steps:
            raise ValueError(f"{checkpoint} is beyond the {plan.steps} steps that run.json says")
        for name, value in asdict(state).items():
            setattr(training, name, value)
    return training


def read_state(checkpoint: Path) -> State:
    """What state.json of a checkpoint says; raises ValueError if that is impossible."""
    path = checkpoint / "state.json"
    state = State(**check_types(State, read_json(path), f"{path}: "))
    if state.step != step_of(checkpoint) or state.tokens < 0:
        raise ValueError(f"{path} is damaged: it is not of this checkpoint")
    if not 0 <= state.seconds < math.inf:
        raise ValueError(f"{path} is damaged: seconds is {state.seconds}")
    return state


def keep(folder: Path, training: Training, tokenizer: Tokenizer) -> None:
    """Save the model alone, in bfloat16 and so half the size, for looking at later."""
    check_weights(training)
    path = folder / "kept" / step_name(training.step)
    if not path.exists():
        with writing(path.parent):
            path.parent.mkdir(exist_ok=True)

        def write(path: Path) -> None:
            save_model(copy.deepcopy(training.model).to(torch.bfloat16), path)
            save_tokenizer(tokenizer, path)

        write_atomically(path, write)


def publish(folder: Path, checkpoint: Path) -> None:
    """Make the run folder itself a model folder, with what the checkpoint holds."""
    names = {path.name for path in checkpoint.iterdir() if path.is_file()} - OF_TRAINING
    for name in sorted(names, key=lambda name: (name == "config.json", name)):  # that one last
        write_atomically(folder / name, partial(shutil.copyfile, checkpoint / name))


def save_batches(folder: Path, step: int, batches: list[Batch]) -> Path:
    """Write the batches of a step that went wrong to a file that `np.load` reads.

    The file holds the arrays tokens, targets and, for whole stories, documents, each of the shape
    (batches of the step, sequences, tokens).
    """
    arrays: dict[str, Any] = {
        name: np.stack([getattr(batch, name) for batch in batches])
        for name in ("tokens", "targets", "documents")
        if getattr(batches[0], name) is not None
    }
    path = folder / f"diverged-{step_name(step)}.npz"

    def write(partial: Path) -> None:
        with partial.open("wb") as file:  # given a name, savez may put ".npz" after it
            np.savez(file, **arrays)

    write_atomically(path, write)
    return path
