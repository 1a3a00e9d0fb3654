"""A run's folder: what it is called (runs/toytown-2), what lies in it, when one may begin there.

A run that is given no folder gets one named after its corpus: runs/toytown, then runs/toytown-2,
and so on (`free_folder`). In it there are

run.json               what was asked for, what was decided (threads, dtype, steps, ...)
tokenizer.model        the run's tokenizer; tokenizer.json and tokenizer_config.json instead, and
                       generation_config.json, where the model or tokenizer it began with has those
data/                  the corpus as token ids, encoded once (minillama.training.corpus)
log.csv                the losses: one row per training step (minillama.runs.logs)
validation.csv         one row per validation
samples.jsonl          what the model wrote along the way, one sample per line
reference.json         what counting predicts, where no floor is known (minillama.runs.reference)
checkpoints/step-...   whole folders: model, tokenizer, optimizer, state.json
checkpoints/latest     the name of the newest complete checkpoint (minillama.runs.checkpoints)
kept/step-...          small bfloat16 models kept for looking back
diverged-step-....npz  the batch on which training diverged
lock                   held by the operating system while a training runs here
status.json, control   what the run is doing, and what it is asked to do (minillama.runs.control)
output.txt             what a training in the background printed

and, once the run has finished or stopped, model.safetensors and config.json: a model folder.
"""

from itertools import count
from pathlib import Path
from typing import Any

from minillama.runs.checkpoints import remove_later_than_latest
from minillama.runs.control import CONTROL, STATUS
from minillama.runs.lock import LOCK
from minillama.system.files import PARTIAL, read_json, remove, write_json, writing

RUNS = Path("runs")
RUN, OUTPUT = "run.json", "output.txt"
BEFORE_A_RUN = {LOCK, OUTPUT, CONTROL, STATUS}  # what a folder may hold in which no run has begun


def free_folder(corpus: str) -> Path:
    """The folder of a new run on this corpus: `runs/NAME`, or else `runs/NAME-2` and so on."""
    name = Path(corpus).stem
    names = (name if n == 1 else f"{name}-{n}" for n in count(1))
    return next(RUNS / name for name in names if not (RUNS / name).exists())


def newest_run() -> Path:
    """The run under `runs/` that was trained last. Raises FileNotFoundError if there is none."""
    logs = [*RUNS.glob("*/log.csv")]
    if not logs:
        raise FileNotFoundError(f"there is no run in {RUNS.resolve()} to resume")
    return max(logs, key=lambda log: log.stat().st_mtime).parent


def begin_run(folder: Path, asked: dict[str, Any]) -> None:
    """Write down what a new run in this folder is asked to be; the caller holds its lock.

    The training reads it from there, in this process or another one.
    Raises ValueError unless a run can begin in the folder.
    """
    check_free(folder)
    write_json(folder / RUN, {"asked": asked})


def read_run(folder: Path) -> dict[str, Any]:
    """What run.json says: "asked" and, once that is decided, "plan", "model" and versions.

    Raises FileNotFoundError if there is no run, and ValueError unless a run wrote it.
    """
    path = folder / RUN
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no run in {folder} to resume: start one without --resume"
        )
    run = read_json(path)
    parts = [run.get(name, {}) for name in ("asked", "plan", "model")]
    if not all(isinstance(part, dict) for part in parts) or "asked" not in run:
        raise ValueError(f"{path} is damaged: it does not say what was asked for")
    if ("plan" in run) != ("model" in run):
        raise ValueError(f"{path} is damaged: plan and model are decided together")
    return run


def check_free(folder: Path) -> None:
    """Raise ValueError unless a run can begin in this folder, because there is none in it yet.

    What a killed attempt to write the very first file left behind does not count, nor do the files
    of those who start a training in the background, nor a run that never came to a plan.
    """
    if not folder.exists():
        return
    if folder.is_dir():
        names = {path.name for path in folder.iterdir() if not path.name.endswith(PARTIAL)}
        if RUN in names and "plan" not in read_run(folder):
            names.remove(RUN)
        if names <= BEFORE_A_RUN:
            return
    raise ValueError(
        f"{folder} exists and is not empty; resume the run in it, or choose another folder"
    )


def clean(folder: Path) -> None:
    """Remove what a killed training left half done: partial writes, steps beyond `latest`."""
    with writing(folder):
        for partial in [*folder.glob(f"*{PARTIAL}*"), *folder.glob(f"*/*{PARTIAL}*")]:
            remove(partial)
        remove_later_than_latest(folder)
