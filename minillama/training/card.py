"""The card of a model: a README.md that says what it is, what it learned from, and how to load it.

It begins with the lines that Hugging Face reads from such a file. What the folder of the model does
not say is left out.
"""

import json
from contextlib import suppress
from math import isfinite, nan
from pathlib import Path
from typing import Any

from minillama.model import Llama
from minillama.runs.folder import read_run
from minillama.runs.logs import SAMPLES, VALIDATION, read_samples, read_tail
from minillama.runs.reference import read_reference
from minillama.training.config import BOTH, TOYTOWN, Plan

CARD = "README.md"
PROMPT = "Once upon a time"
WRITTEN = 200  # tokens, in the example

TRANSFORMERS = """\
from transformers import AutoModelForCausalLM, AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained({name})
model = AutoModelForCausalLM.from_pretrained({name})
text = model.generate(**tokenizer({prompt}, return_tensors="pt"), do_sample=True, {most})
print(tokenizer.decode(text[0], skip_special_tokens=True))"""
MINILLAMA = """\
import minillama
model, tokenizer = minillama.load({name})
prompt = tokenizer.encode({prompt}, bos=True)
text = minillama.generate(model, prompt, temperature=0.8, stop=tokenizer.eos_ids, {most})
print(tokenizer.decode([*prompt, *text]))"""


def model_card(source: Path, model: Llama, name: str, format: str, has_tokenizer: bool) -> str:
    """The card of a model that was loaded from `source` and is saved under `name`."""
    run = _run(source)
    parts = [_front(run, format), f"# {name}\n", _shape(model)]
    if run:
        parts += [_training(run), _quality(source, run)]
    if has_tokenizer:
        parts.append(_loading(source, model, name, format))
    parts.append(
        "## License\n\n"
        "Nobody has chosen a license for this model yet. Name one in the first lines of this file, "
        "and consider the license of the text that the model learned from.\n"
    )
    return "\n".join(part for part in parts if part)


def _run(source: Path) -> dict[str, Any]:
    """What run.json says, or nothing where the folder is no run or the file is damaged."""
    with suppress(OSError, ValueError):
        run = read_run(source)
        if "plan" in run:
            return run | {"plan": Plan.from_dict(run["plan"])}
    return {}


def _front(run: dict[str, Any], format: str) -> str:
    own = not run or run["plan"].corpus != TOYTOWN
    lines = [
        "license: other  # choose one: https://huggingface.co/docs/hub/repositories-licenses",
        "# language: en" if own else "\n- ".join(["language:", *_languages(run["plan"])]),
        f"library_name: {'transformers' if format == 'hf' else 'minillama'}",
        "pipeline_tag: text-generation",
        "tags:\n- llama\n- minillama",
    ]
    return "\n".join(["---", *lines, "---\n"])


def _languages(plan: Plan) -> dict[str, str]:
    """The codes and names of the languages that ToyTown's stories were written in."""
    names = {"en": "English", "zh": "Chinese"}
    return {code: names[code] for code in names if plan.language in (None, BOTH, code)}


def _shape(model: Llama) -> str:
    config = model.config
    heads = f"{config.n_heads}"
    if config.n_kv_heads != config.n_heads:
        heads += f", which share {config.n_kv_heads} key-value heads"
    facts = {
        "parameters": f"{model.n_parameters:,}",
        "blocks": config.n_layers,
        "width": config.dim,
        "attention heads": heads,
        "width of the feed-forward layers": config.hidden_dim,
        "vocabulary": f"{config.vocab_size:,} tokens",
        "context": f"{config.max_seq_len:,} tokens",
    }
    rows = "\n".join(f"| {fact} | {value} |" for fact, value in facts.items())
    return f"A language model with the architecture of LLaMA.\n\n| | |\n|---|---|\n{rows}\n"


def _training(run: dict[str, Any]) -> str:
    plan: Plan = run["plan"]
    text = f"the text `{Path(plan.corpus).name}`"
    if plan.corpus == TOYTOWN:
        names = " and ".join(_languages(plan).values())
        text = f"ToyTown, a corpus of short made-up stories in {names}"
    start = "random weights"
    if plan.init_from is not None:
        start = f"the weights of the model `{Path(plan.init_from).name}`"
    return (
        f"## Training\n\nIt was trained on {text}, from {start}: {plan.steps:,} steps of "
        f"{plan.accumulate * plan.batch_size * plan.seq_len:,} tokens (optimizer {plan.optimizer}, "
        f"peak learning rate {plan.lr:g}, seed {plan.seed}, minillama {run.get('minillama')}, "
        f"torch {run.get('torch')}).\n"
    )


def _quality(source: Path, run: dict[str, Any]) -> str:
    """The last row of validation.csv in words."""
    rows = read_tail(source / VALIDATION, ("step", "loss", "bits_per_byte", "documents"))
    if not rows:
        return ""
    row = rows[-1]
    unfinished = "" if row["step"] == run["plan"].steps else f"after {row['step']:,.0f} steps, "
    words = (
        f"On text that was held out from training, {unfinished}its loss is {row['loss']:.3f} nats "
        f"per token, or {row['bits_per_byte']:.3f} bits per byte. (A nat is a unit of surprise: "
        "-ln of the probability that the model gave to the token that came.)"
    )
    if isfinite(floor := row.get("floor") or nan):
        words += (
            f" No model can have a smaller loss on these stories than {floor:.3f} nats, the floor, "
            f"since that is how uncertain they are; this one is at {row['loss'] / floor:.3f} times "
            "the floor."
        )
    with suppress(OSError, ValueError):
        if reference := read_reference(source):
            words += (
                f" On the same text, a {reference.n}-gram model of the training text needs "
                f"{reference.bits_per_byte:.3f} bits per byte, lzma {reference.lzma:.3f} and gzip "
                f"{reference.gzip:.3f}."
            )
    return f"## How good it is\n\n{words}\n"


def _loading(source: Path, model: Llama, name: str, format: str) -> str:
    prompt = PROMPT
    with suppress(OSError, ValueError, IndexError):
        prompt = read_samples(source)[-1].prompt if (source / SAMPLES).is_file() else PROMPT
    words = {"name": json.dumps(name), "prompt": json.dumps(prompt, ensure_ascii=False)}
    words["most"] = f"max_new_tokens={min(WRITTEN, model.config.max_seq_len // 2)}"
    ways = {"transformers": TRANSFORMERS} if format == "hf" else {}
    ways["minillama"] = MINILLAMA
    return "\n".join(
        f"## Loading it with {way}\n\n```python\n{code.format(**words)}\n```\n"
        for way, code in ways.items()
    )
