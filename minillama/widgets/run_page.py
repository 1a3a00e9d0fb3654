"""The dashboard's words, numbers and samples as HTML, which keeps its size whatever it holds."""

from html import escape
from pathlib import Path

from minillama.runs import Sample, latest_checkpoint, step_of
from minillama.runs.status import Look

QUIET = "opacity: .65; font-size: 12px"
COLORS = {"training": "#009E73", "finished": "#0072B2", "paused": "#E69F00", "failed": "#D55E00"}
BOX = (
    "flex: 1 1 300px; height: 10.5em; overflow-y: auto; white-space: pre-wrap; line-height: 1.5; "
    "font-size: 14px; border: 1px solid #8884; border-radius: 4px; padding: 6px 10px; "
    "box-sizing: border-box"
)


def words(look: Look, folder: Path) -> str:
    """What the run is doing, in a sentence."""
    if look.state == "failed":
        return f"Failed: {look.words}"
    if look.alive and look.requested:
        if look.requested == "stop":
            return "Stopping after this step …"
        if look.state != "paused":
            return "Pausing after this step …"
    match look.state:
        case "not begun":
            return f"Nothing has been trained in {folder} yet"
        case "starting":
            return f"Starting: {look.words}" if look.words else "Starting …"
        case "training":
            return "Training"
        case "paused":
            return f"Paused and saved at step {look.step:,}"
        case "stopped":
            return f"{look.words or 'Stopped'}; {_safe(folder)}"
    return f"Finished after {look.step:,} steps"


def status(look: Look, folder: Path) -> str:
    """The sentence with a dot in the state's colour."""
    color = COLORS.get(look.state, "#8888")
    return (
        f'<span style="color: {color}; margin-left: 8px">●</span> '
        f'<span class="minillama-state">{escape(words(look, folder))}</span>'
    )


def quiet(text: str) -> str:
    """A remark."""
    return f'<span style="{QUIET}">{escape(text)}</span>'


def numbers(look: Look) -> str:
    """How far the run has come and what its loss is, over a bar."""
    share = 100 * look.step / look.steps if look.steps else 0.0
    of = f" of {look.steps:,}" if look.steps else ""
    ratio = ""
    if look.validation is not None and look.floor:
        ratio = f", {look.validation / look.floor:.2f} × floor"
    left = look.seconds_left if look.state != "finished" else None
    cells = {
        "step": f"{look.step:,}{of}",
        "training loss": _number(look.loss, ".3f"),
        "validation loss": _number(look.validation, ".3f") + ratio,
        "tokens a second": _number(look.tokens_per_second, ",.0f"),
        "trained for": _clock(look.seconds) + (f", {_clock(left)} left" if left else ""),
    }
    items = "".join(
        f'<div style="min-width: 0"><div style="{QUIET}">{name}</div>'
        f'<div style="white-space: nowrap">{value}</div></div>'
        for name, value in cells.items()
    )
    return (
        '<div style="max-width: 960px; font-variant-numeric: tabular-nums; line-height: 1.5">'
        '<div style="height: 4px; background: #8883; margin-bottom: 6px">'
        f'<div style="height: 4px; width: {share:.1f}%; background: #009E73"></div></div>'
        '<div style="display: grid; gap: 4px 12px; '
        'grid-template-columns: repeat(auto-fit, minmax(135px, 1fr))">'
        f"{items}</div></div>"
    )


def samples(latest: list[Sample]) -> str:
    """What the model wrote last, side by side, each with its prompt set off."""
    texts = [
        f"<b>{escape(prompt)}</b>{escape(text.removeprefix(prompt))}" for _, prompt, text in latest
    ]
    title = f"what the model writes after {latest[0].step:,} steps" if latest else "no samples yet"
    boxes = "".join(f'<div style="{BOX}">{text}</div>' for text in texts or ["", ""])
    return (
        f'<div style="max-width: 960px"><div style="{QUIET}">{title}</div>'
        f'<div style="display: flex; flex-wrap: wrap; gap: 12px">{boxes}</div></div>'
    )


def summary(look: Look, folder: Path, latest: list[Sample]) -> str:
    """The whole view in plain words, for people who cannot see the picture."""
    parts = [f"A training run in {folder.name}. {words(look, folder)}."]
    if look.loss is not None:
        of = f" of {look.steps:,}" if look.steps else ""
        parts.append(f"Step {look.step:,}{of}: training loss {look.loss:.3f} nats a token.")
    if look.validation is not None:
        floor = f", and no model can get below {look.floor:.3f}" if look.floor else ""
        parts.append(f"Validation loss {look.validation:.3f}{floor}.")
    parts += [f"It writes: {sample.text}" for sample in latest[:1]]
    return " ".join(parts)


def _safe(folder: Path) -> str:
    """Where a run that has stopped would continue."""
    try:
        checkpoint = latest_checkpoint(folder)
    except (OSError, ValueError):
        return "its newest checkpoint cannot be read"
    return f"saved at step {step_of(checkpoint):,}" if checkpoint else "it would begin again"


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
