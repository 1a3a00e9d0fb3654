"""Show a picture in a notebook with its caption, which also serves those who do not see it."""

import base64
import html
import io

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from minillama.plots.colors import QUIET
from minillama.plots.text import MISSING, fonts

BOXES = f"{MISSING} is a character without a font: install one for Chinese, such as Noto Sans CJK"

Drawing = Axes | Figure


def show(drawing: Drawing, caption: str) -> None:
    """Display a figure and, below it, a caption that says what to see; then close the figure.

    The caption is also what a screen reader says, and all that is printed in a terminal.
    Raises ValueError if it is empty.
    """
    data, metadata = picture(drawing, caption)
    from IPython.core.getipython import get_ipython  # only here, since only notebooks have it

    if get_ipython() is None:
        print(caption)
    else:
        from IPython.display import publish_display_data

        publish_display_data(data, metadata)
        words = {"text/html": f"<p><em>{html.escape(caption)}</em></p>", "text/plain": caption}
        publish_display_data(words)


def picture(
    drawing: Drawing, alt: str, *, small: bool = True
) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """A figure as what Jupyter displays: data by its type, and metadata; the figure is closed.

    small: 256 colours, which are enough for a drawing and take a third of the room in a stored
    notebook; what is only looked at is there sooner without. Raises ValueError for an empty `alt`.
    """
    if not alt.strip():
        raise ValueError("a picture needs a text for those who do not see it: alt is empty")
    figure = drawing if isinstance(drawing, Figure) else drawing.get_figure(root=True)
    assert figure is not None
    if len(fonts()) < 2 and any(MISSING in text.get_text() for text in figure.findobj(Text)):
        figure.text(0.995, 0.005, BOXES, ha="right", va="bottom", fontsize=7, color=QUIET)
    file = io.BytesIO()
    options = None if small else {"compress_level": 1}
    figure.savefig(file, format="png", dpi=100, facecolor="white", pil_kwargs=options)
    plt.close(figure)
    if small:
        image = Image.open(file).convert("RGB").quantize(256, dither=Image.Dither.NONE)
        file = io.BytesIO()
        image.save(file, format="png", optimize=True)
    png = base64.b64encode(file.getvalue()).decode()
    return {"image/png": png, "text/plain": alt}, {"image/png": {"alt": alt}}
