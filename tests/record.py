"""Record the moving picture of the README, from a real JupyterLab: `python tests/record.py`.

Three notebooks of two cells each are opened, run and used with a mouse: the attention explorer, a
training in the dashboard, and a check that names a mistake. Needs Chromium, as the tests do.
"""

import argparse
import io
import tempfile
from functools import partial
from pathlib import Path

from lab import Notebook, Server, open_browser, wait_for
from nbformat.v4 import new_code_cell, new_notebook
from PIL import Image

from minillama.system.notebooks import tidy, write_notebook

ROOT = Path(__file__).parent.parent
WINDOW = {"width": 1240, "height": 680}  # of the browser; what is recorded is the notebook in it
SIZE = (900, 560)
MOST = 2_000_000  # bytes

EXPLORER = [
    """\
import torch, minillama
from minillama import interp, widgets

model, tokenizer = minillama.load("toytown")
text = "Lily had a red ball. Tom had a blue kite. Lily played with the red"
ids = tokenizer.encode(text, bos=True)
maps = interp.attention_maps(model, torch.tensor([ids]))[:, 0]""",
    "widgets.attention_explorer(maps, tokenizer.pieces(ids), layer=2, head=1)",
]
DASHBOARD = [
    "from minillama import widgets",
    """\
recipe = {"preset": "tiny", "steps": 400, "every": 50, "batch_size": 4, "threads": 1}
widgets.dashboard("my-first-llama", start=recipe)""",
]
MISTAKE = [
    """\
%load_ext minillama.course
import torch
from minillama.attention import causal_mask
from minillama.course import check""",
    """\
def attend(q, k, v, mask=None):
    if mask is None:
        mask = causal_mask(q.shape[-2], k.shape[-2])
    scores = q @ k.transpose(-2, -1)
    scores = scores.masked_fill(~mask, -torch.inf)
    return scores.softmax(-1) @ v

check(attend)""",
]


class Film:
    """Frames of a page, each with the time that it is shown."""

    def __init__(self, notebook: Notebook) -> None:
        self.page, self.frames = notebook.page, []
        self.page.mouse.move(5, 5)

    def take(self, milliseconds: int) -> None:
        """One picture of the page as it looks now."""
        png = self.page.locator(".jp-NotebookPanel-notebook").screenshot()
        picture = Image.open(io.BytesIO(png)).convert("RGB")
        self.frames.append((picture.crop((0, 0, *SIZE)), milliseconds))


def explore(film: Film, notebook: Notebook) -> None:
    """Point at one token after the other, then look through another head."""
    view = notebook.output_of("attention_explorer")
    tokens = view.locator(".minillama-tokens button")
    film.take(1200)
    for token in range(5, tokens.count(), 2):
        tokens.nth(token).hover()
        film.take(350)
    slider = view.locator(".widget-slider", has_text="head")
    for place in (0.0, 0.4, 0.8):
        notebook.drag(slider, place)
        film.page.wait_for_timeout(400)
        film.take(500)


def train(film: Film, notebook: Notebook) -> None:
    """Start a training and watch the curve fall."""
    view = notebook.output_of("widgets.dashboard")
    film.take(800)
    view.get_by_role("button", name="Start").click()
    state = view.locator(".minillama-state")
    wait_for(lambda: state.inner_text() == "Training", "no training began")
    while not state.inner_text().startswith("Finished"):
        film.page.wait_for_timeout(1500)
        film.take(160)
    film.take(1800)


def mistake(film: Film, notebook: Notebook) -> None:
    """Read what the check says."""
    notebook.output_of("check(attend)")
    film.take(4500)


SCENES = {"explorer": (EXPLORER, explore), "dashboard": (DASHBOARD, train)}
SCENES["check"] = (MISTAKE, mistake)


def record(folder: Path) -> list[tuple[Image.Image, int]]:
    """The frames of all scenes, from a server that keeps its files in this folder."""
    frames = []
    server = Server(folder)
    try:
        with open_browser() as browser:
            for name, (sources, play) in SCENES.items():
                notebook = new_notebook(cells=[new_code_cell(source) for source in sources])
                write_notebook(server.notebooks / f"{name}.ipynb", tidy(notebook))
                page = browser.new_page(viewport=WINDOW)
                lab = Notebook(server, page, f"{name}.ipynb")
                lab.run_all()
                film = Film(lab)
                page.wait_for_timeout(500)
                play(film, lab)
                frames += film.frames
                lab.close()
    finally:
        server.close()
    return frames


def save(frames: list[tuple[Image.Image, int]], path: Path) -> int:
    """Write an animated WebP at the best quality that stays below MOST; its size in bytes."""
    pictures, times = zip(*frames, strict=True)
    for quality in (80, 65, 50, 35, 20):
        file = io.BytesIO()
        still = partial(pictures[0].save, file, format="WEBP", save_all=True)
        still(append_images=pictures[1:], duration=times, loop=0, quality=quality, method=6)
        if file.tell() < MOST:
            path.write_bytes(file.getvalue())
            return file.tell()
    raise SystemExit(f"the picture would have {file.tell():,} bytes; take fewer frames")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "assets" / "tour.webp")
    out = parser.parse_args().out
    with tempfile.TemporaryDirectory() as place:
        size = save(record(Path(place)), out)
    print(f"{out}: {size:,} bytes")
