"""`minillama eval` on a text that the model was trained on: only what the run held out counts."""

from pathlib import Path

from tqdm import tqdm

from minillama.cli.scoring import NATS, load, losses
from minillama.cli.shared import compared
from minillama.training.config import TOYTOWN


def run_on(model: str, file: str | None, reading: dict[str, str]) -> Path | None:
    """The folder of the run that trained this model on this text of your own, if there is one.

    file: None stands for whatever text the run was trained on.
    """
    from minillama.runs.folder import RUN, read_run
    from minillama.weights import find_model

    folder = find_model(model)
    for run in (folder, folder.parent.parent):  # of a model kept along the way, or a checkpoint
        if (run / RUN).is_file() and (run / "data").is_dir():
            asked = read_run(run)["asked"]
            corpus = asked.get("corpus", TOYTOWN)
            same = file is None or Path(file).resolve() == Path(corpus).resolve()
            if corpus != TOYTOWN and same and reading.items() <= asked.items():
                return run
    return None


def on_held_out(name: str, run: Path) -> str:
    """The loss on the part of a run's text that it validates on."""
    from minillama.evaluate.losses import bits_per_byte
    from minillama.runs.folder import read_run
    from minillama.runs.reference import read_reference
    from minillama.training.corpus import Corpus

    with tqdm(total=1, desc="loading the model", leave=False, disable=None):
        model, _ = load(name)
        corpus = Corpus.load(run / "data")
    threads = read_run(run).get("plan", {}).get("threads")
    documents = corpus.validation
    nats, n = sum(losses(model, documents, threads)), int((documents.lengths - 1).sum())
    file = read_run(run)["asked"]["corpus"]
    lines = [
        f"{file}: {n:,} tokens that {run} held out and never learned from (--all measures all of "
        "the text)",
        f"  {nats / n:.4f} nats per token ({NATS})",
        f"  {bits_per_byte(nats, int(corpus.scores.n_bytes.sum())):.4f} bits per byte",
    ]
    if reference := read_reference(run):
        lines.append(f"  {compared(reference)}")
    return "\n".join(lines)
